package membership

import (
	"math"
	"time"

	"github.com/project-iris/iris/transport"
)

// Memberlist takes a node for dead when others have not heard of it for a while, and that may
// be the fault of the way to it. So here a node that is said to be dead is asked by each other
// node itself, and stays a member as long as it is heard, whatever it says and over whatever.
// It is told what is said of it, with the questions or when lists are compared, and objects.
const (
	// silenceLeast is how long a node is silent, from when another one suspects it until others
	// take it for dead, at the least: the time that memberlist gives it to object, and then the
	// time of doubt. It grows by silenceGrowth with each digit of the number of nodes, as news
	// take longer, up to silenceMost, that of twenty nodes: a thousand have news in 0.6 s.
	silenceLeast  = 3500 * time.Millisecond
	silenceGrowth = 2 * time.Second
	silenceMost   = 4100 * time.Millisecond
	// doubtLeast is the least time of doubt, in networks of more than a thousand nodes.
	doubtLeast = time.Second
	// doubtTrips is how many round trips to the node are added, of which each counts as
	// longestTrip at most: a node must not win time by answering late.
	doubtTrips  = 4
	longestTrip = 500 * time.Millisecond
	// askEvery is how often it is asked in that time: so that with one packet in twenty lost,
	// and a round trip of 400 ms, the answers to twenty are not all lost. In networks of more
	// than askAll nodes it is asked half as often: there are many who ask.
	askEvery     = 150 * time.Millisecond
	askEveryMany = 2 * askEvery
	askAll       = 100
	// askers bounds how many nodes are asked at a time. All together are asked askBurst times
	// at once, which is all the questions to one node, and askRate times a second: on a host that
	// is overloaded many are said to be dead, and questions without a bound would keep it so.
	askers   = 16
	askBurst = 32
	askRate  = 3
)

// doubtTime is how long a node that is said to be dead has to be silent before that is believed,
// by the number of nodes and the round trip to it.
func doubtTime(nodes int, trip time.Duration) time.Duration {
	digits := max(1, math.Log10(float64(nodes)))
	objection := time.Duration(suspicionMult * digits * float64(ProbeInterval))
	silence := min(silenceMost, silenceLeast+time.Duration((digits-1)*float64(silenceGrowth)))
	return max(doubtLeast, silence-objection) + doubtTrips*min(trip, longestTrip)
}

// answered notes how long a node has taken to answer.
func (r *roster) answered(id transport.PeerID, trip time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e := r.entries[id]; {
	case e == nil:
	case e.trip == 0:
		e.trip = trip
	default:
		e.trip += (trip - e.trip) / 4
	}
}

// heard notes that a node has said something, whatever it was.
func (r *roster) heard(id transport.PeerID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.entries[id]; e != nil {
		e.heard = time.Now()
	}
}

// doubt notes that a member is said to be dead, of which so many bytes have come by then. It
// stays a member until it has been silent for a while. It reports false for one that has said
// itself that it goes, which is believed.
func (r *roster) doubt(id transport.PeerID, received uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entries[id]
	now := time.Now()
	if e == nil || !e.up || now.Sub(e.left) < leaveWindow {
		return false
	}
	e.doubted, e.heard, e.received = true, now, received
	e.doubt = doubtTime(r.members+1, e.trip)
	e.wait, e.next = healMin, now.Add(e.doubt) // if it lives, comparing lists tells it what is said of it
	r.wake()
	return true
}

// silent returns a member that is said to be dead and has been silent, or else how long it
// takes until one may have been: negative if there is none to wait for.
func (r *roster) silent(received func(transport.PeerID) uint64) (id transport.PeerID, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	wait = -1
	for other, e := range r.entries {
		if !e.up || !e.doubted {
			continue
		}
		if n := received(other); n > e.received {
			e.heard, e.received = now, n
		}
		left := e.heard.Add(e.doubt).Sub(now)
		if left <= 0 {
			return other, 0
		}
		if wait < 0 || left < wait {
			wait = left
		}
	}
	return id, wait
}

// doubted reports whether a member is said to be dead and was not believed to be.
func (r *roster) doubted(id transport.PeerID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entries[id]
	return e != nil && e.up && e.doubted
}

// lose takes members out that are said to be dead and have been silent, and returns how long
// it takes until another may have been.
func (m *Membership) lose() time.Duration {
	for {
		id, wait := m.roster.silent(m.config.Received)
		if wait != 0 {
			return wait
		}
		if !m.change(func() {
			if m.roster.doubted(id) { // and nobody has said meanwhile that it lives
				m.down(id, true)
			}
		}) {
			return -1
		}
	}
}

// ask asks a node that is said to be dead whether it lives, until it is believed to be dead, or
// to live. Whatever comes from it counts as an answer.
func (m *Membership) ask(id transport.PeerID) {
	select {
	case m.asking <- struct{}{}:
	default:
		return // it has to speak without being asked
	}
	defer func() { <-m.asking }()
	pause := askEvery
	if m.list.NumMembers() > askAll {
		pause = askEveryMany
	}
	for begin := time.Now(); m.roster.doubted(id) && !m.leaving(); {
		if time.Since(begin) > 2*silenceMost {
			pause = ProbeInterval // it lives
		}
		if m.asks.Wait(m.ctx) != nil {
			return
		}
		m.work.Go(func() { _, _ = m.list.Ping(id.String(), address(id)) })
		if sleep(m.ctx, pause) != nil {
			return
		}
	}
}
