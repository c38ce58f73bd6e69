package simulate

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/project-iris/iris/overlay/deadline"
	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/overlay/multicast"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// node is a node. What it does is what overlay.Overlay does, with the wiring of
// lookup.Lookup, but without locks and goroutines.
type node struct {
	world    *world
	number   int
	id       transport.PeerID
	up       bool
	ended    bool   // it was drained, and has said that it leaves
	life     uint64 // its epoch
	booted   time.Time
	paused   time.Time
	pauses   [][2]time.Time // of all its lives
	draining bool

	names     *names.Names
	dir       *directory.Directory
	multicast *multicast.Multicast
	members   []*member
	links     map[transport.PeerID]*side
	targets   map[transport.PeerID]*target
	unsent    map[transport.PeerID][]wire.Message
	looking   bool // at unsent
	view      *directory.Members
	wanted    []transport.PeerID
	tickAt    time.Time
	settling  bool

	tokens    uint64 // of confirmations
	confirmed map[uint64]func(all bool)
}

const heldBytes = 200

// heardAfter is how long it takes at most until all have heard of a new node.
const heardAfter = 300 * time.Millisecond

// toldAfter is how long it takes at most until a new node knows what all others serve: they hear of
// it, make a link and tell it.
func (w *world) toldAfter() time.Duration { return heardAfter + 15*time.Millisecond + 2*w.plan.delay }

// settled reports whether all have heard of all nodes.
func (w *world) settled() bool {
	return !slices.ContainsFunc(w.nodes, func(n *node) bool { return n.up && w.now.Sub(n.booted) <= heardAfter })
}

// boot starts a node, with nobody attached.
func (n *node) boot() {
	w := n.world
	n.up, n.ended, n.draining, n.paused, n.tickAt = true, false, false, time.Time{}, time.Time{}
	n.life++
	n.booted = w.now
	n.members, n.wanted = nil, nil
	n.links, n.targets = make(map[transport.PeerID]*side), make(map[transport.PeerID]*target)
	n.view, n.looking = directory.NewMembers(), false
	n.unsent, n.confirmed = make(map[transport.PeerID][]wire.Message), make(map[uint64]func(bool))
	n.dir = directory.New(directory.Config{Self: n.id, Epoch: n.life, Everywhere: w.plan.everywhere, Seed: w.plan.seed})
	n.multicast = multicast.New(host{n}, lanes)
	n.multicast.Close() // it begins no goroutine from then on, and works as before
	n.names = names.New(names.Config{
		Hasher: hasher, Linked: func(id transport.PeerID) bool { return n.links[id] != nil },
		Want:  func(id transport.PeerID) { n.wanted = append(n.wanted, id) },
		Draw:  n.draw,
		Route: func(nodes []transport.PeerID) names.Route { return n.multicast.Route(nodes) },

		HeldBytes: heldBytes, Topics: 4, TopicBytes: 100,
	})
	w.note("boot", n.number, int(n.life))
	w.shift(time.Millisecond, heardAfter)
	n.sweepLater()
}

// draw returns a number that depends on who draws and when alone: names go through maps,
// whose order must not make a difference.
func (n *node) draw(most int) int {
	x := n.world.plan.seed*0x9e3779b97f4a7c15 + uint64(n.number)<<32 + uint64(n.world.now.Sub(start))
	x ^= x >> 31
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 29
	return int(x % uint64(most))
}

// sweepLater does what the lookup does every minute, more often.
func (n *node) sweepLater() {
	n.world.after(7*time.Second, n, func() {
		n.names.Sweep()
		n.multicast.Sweep()
		n.sweepLater()
	})
}

// settle does what has changed, and sets the timer: lookup.Lookup.Run.
func (n *node) settle() {
	if !n.up || n.settling {
		return
	}
	n.settling = true
	defer func() { n.settling = false }()
	n.tellDirectory()
	n.resume(n.names.Retry(n.world.now))
	n.tellDirectory()
	slices.SortFunc(n.wanted, func(a, b transport.PeerID) int { return bytes.Compare(a[:], b[:]) })
	wanted := slices.Compact(n.wanted)
	n.wanted = nil
	for _, id := range wanted {
		n.world.want(n, n.world.byID[id])
	}
	at := n.next()
	if at.IsZero() || !n.tickAt.IsZero() && !at.Before(n.tickAt) {
		return
	}
	n.tickAt = at
	n.world.after(at.Sub(n.world.now), n, func() {
		if n.tickAt.Equal(at) {
			n.tickAt = time.Time{}
			n.expire()
			n.feed(directory.Tick{})
		}
	})
}

// tellDirectory tells the directory what has changed in the names, in the order of the names.
func (n *node) tellDirectory() {
	for n.names.Dirty() {
		events := n.names.Changes()
		slices.SortStableFunc(events, func(a, b directory.Event) int {
			x, y := nameOf(a), nameOf(b)
			return bytes.Compare(x[:], y[:])
		})
		n.feed(events...)
	}
}

func nameOf(e directory.Event) names.Name {
	switch e := e.(type) {
	case directory.Register:
		return e.Name
	case directory.Unregister:
		return e.Name
	case directory.Watch:
		return e.Name
	case directory.Unwatch:
		return e.Name
	}
	return names.Name{}
}

// next returns when the node has something to do, zero if never.
func (n *node) next() (next time.Time) {
	consider := func(at time.Time, ok bool) {
		if ok && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	consider(n.dir.Next())
	consider(n.names.Next())
	for _, m := range n.members {
		consider(m.asked.Next())
		consider(m.served.Next())
	}
	for _, s := range n.links {
		consider(s.calls.Next())
	}
	if !next.IsZero() && !next.After(n.world.now) {
		next = n.world.now.Add(time.Nanosecond)
	}
	return next
}

// expire ends what has a deadline that has passed, as calls.Table does.
func (n *node) expire() {
	for _, m := range slices.Clone(n.members) {
		expireAll(&m.asked, n.world.now, m.timedOut)
		expireAll(&m.served, n.world.now, m.overdue)
	}
	for _, s := range n.sides() {
		expireAll(&s.calls, n.world.now, s.timedOut)
	}
}

func expireAll[T any](t *deadline.Table[T], now time.Time, expired func(id uint64, v T)) {
	for {
		id, v, ok := t.Expire(now)
		if !ok {
			return
		}
		expired(id, v)
	}
}

// sides returns the links in the order of the nodes.
func (n *node) sides() []*side {
	all := make([]*side, 0, len(n.links))
	for _, s := range n.links {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *side) int { return cmp.Compare(a.other.number, b.other.number) })
	return all
}

// feed is lookup.Lookup.step.
func (n *node) feed(events ...directory.Event) {
	for _, event := range events {
		for _, action := range n.dir.Step(n.world.now, event) {
			switch action := action.(type) {
			case directory.Send:
				n.tell(action.To, action.Message)
			case directory.Changed:
				n.resume(n.names.Changed(n.world.now, action))
			case directory.Confirmed:
				if done := n.confirmed[action.Token]; done != nil {
					delete(n.confirmed, action.Token)
					done(!action.Silent)
				}
			}
		}
		if watch, ok := event.(directory.Watch); ok {
			if nodes, known := n.dir.Lookup(watch.Name); known {
				n.resume(n.names.Changed(n.world.now, directory.Changed{Name: watch.Name, Nodes: nodes, Known: known}))
			}
		}
	}
}

// confirm calls done when all know of what members here serve: lookup.Lookup.AwaitConfirmation.
// A node of which this one had not heard at the time is none of all.
func (n *node) confirm(done func(all bool)) {
	n.tellDirectory()
	settled := n.world.settled()
	n.tokens++
	token := n.tokens
	n.confirmed[token] = func(all bool) { done(all && settled) }
	n.feed(directory.AwaitConfirmation{Token: token})
	n.world.after(500*time.Millisecond, n, func() {
		if n.confirmed[token] != nil {
			delete(n.confirmed, token)
			n.feed(directory.StopAwaiting{Token: token})
			done(false)
		}
	})
}

// resume is lookup.Lookup.resume. Of different clusters the order is that of their names.
func (n *node) resume(r names.Resumed) {
	for _, who := range r.Waiters {
		who.(*waiter).go_()
	}
	slices.SortStableFunc(r.Requests, func(a, b *names.Request) int { return strings.Compare(a.Cluster, b.Cluster) })
	for _, r := range r.Requests {
		if m := r.Owner.(*member); m.asked.Has(r.Token) {
			m.dispatch(r.Attempt())
		}
	}
}

// waiter is somebody who waits for names.
type waiter struct{ go_ func() }

// tell is overlay.owner.Send.
func (n *node) tell(to transport.PeerID, m wire.Message) {
	if s := n.links[to]; s != nil {
		s.send(controlLane, m.Append(nil))
		return
	}
	if len(n.unsent[to]) < 32 {
		n.unsent[to] = append(n.unsent[to], m)
	}
	n.world.want(n, n.world.byID[to])
	if !n.looking {
		n.looking = true
		n.look()
	}
}

// look asks again for the links that something waits for, until nothing does: remote.Unsent.Run.
func (n *node) look() {
	n.world.after(500*time.Millisecond, n, func() {
		if len(n.unsent) == 0 {
			n.looking = false
			return
		}
		for _, other := range n.world.nodes {
			if len(n.unsent[other.id]) > 0 {
				n.world.want(n, other)
			}
		}
		n.look()
	})
}

// linkUp is overlay.connection.LinkUp, and overlay.host.Connected.
func (n *node) linkUp(s *side) {
	n.links[s.other.id] = s
	n.names.Linked(s.other.id)
	for _, m := range n.unsent[s.other.id] {
		s.send(controlLane, m.Append(nil))
	}
	delete(n.unsent, s.other.id)
	n.feed(directory.Connected{Peer: s.other.id})
}

// linkDown is overlay.connection.LinkDown, and remote.Remote.Lost.
func (n *node) linkDown(s *side) {
	if n.links[s.other.id] == s {
		delete(n.links, s.other.id)
	}
	n.multicast.LinkLost(s.other.id)
	s.lost()
}

// receive is remote.Remote and overlay.host.Deliver.
func (n *node) receive(s *side, m wire.Message) {
	switch m := m.(type) {
	case *wire.Request:
		s.serve(m)
	case *wire.Reply:
		s.replied(m)
	case *wire.Refusal:
		s.refused(m)
	case *wire.Event:
		n.deliver(wire.KindEvent, m.Topic, m.Event)
	case *wire.Broadcast:
		n.deliver(wire.KindBroadcast, m.Cluster, m.Message)
	case *wire.Forward:
		n.multicast.Forward(s.other.id, m)
	case *wire.Forwarded:
		n.multicast.Forwarded(m)
	case *wire.MarkerPassed:
		n.multicast.MarkerPassed(s.other.id, m)
	default:
		n.feed(directory.Received{From: s.other.id, Message: m})
	}
}

// deliver hands a message to the receivers at this node.
func (n *node) deliver(kind wire.Kind, name, body []byte) {
	who := n.names.DeliverEvent(name)
	if kind == wire.KindBroadcast {
		who = n.names.Deliver(name)
	}
	for _, m := range who {
		m.(*member).got(kind, string(name), body)
	}
}

// host is the node as its multicast needs it. A link is never waited for: see member.pump.
type host struct{ *node }

func (h host) Reachable(id transport.PeerID) bool {
	_, member := h.view.Epoch(id)
	return member
}

func (h host) Link(id transport.PeerID) (multicast.Link, bool) {
	s := h.links[id]
	return mlink{s}, s != nil
}
func (h host) Want(id transport.PeerID) { h.world.want(h.node, h.world.byID[id]) }
func (h host) Await(_ context.Context, id transport.PeerID) (multicast.Link, bool) {
	return h.Link(id)
}
func (h host) Deliver(kind wire.Kind, name, body []byte) { h.deliver(kind, name, body) }

type mlink struct{ *side }

func (l mlink) Lane(sender uint64) multicast.Lane { return mlane{l.side, int(sender % lanes)} }
func (l mlink) ForwardLane() multicast.Lane       { return mlane{l.side, forwardLane} }
func (l mlink) Ended() bool                       { return l.down }
func (l mlink) Context() context.Context          { return context.Background() }

type mlane struct {
	side   *side
	number int
}

func (l mlane) Begin(size int, _ time.Duration) ([]byte, error) { return make([]byte, 0, size), nil }

func (l mlane) BeginShort(size int) ([]byte, error) { return make([]byte, 0, size), nil }
func (l mlane) Commit(b []byte)                     { l.side.send(l.number, b) }

// crash ends a node without a word.
func (n *node) crash() {
	w := n.world
	w.note("crash", n.number, 0)
	for _, m := range n.members {
		m.gone = true
		m.crashed = true
	}
	for _, s := range n.sides() {
		s.breakUp()
		s.down = true // the next life of the node has nothing to do with it
	}
	n.up = false
	w.shift(time.Second, 9*time.Second)
}

// drain ends a node in good order: overlay.Overlay.Drain and Close.
func (n *node) drain() {
	w := n.world
	w.note("drain", n.number, 0)
	n.draining = true
	for _, m := range n.members {
		m.drained = true
	}
	resumed := n.names.Drain()
	n.resume(names.Resumed{Waiters: resumed.Waiters})
	slices.SortStableFunc(resumed.Requests, func(a, b *names.Request) int { return strings.Compare(a.Cluster, b.Cluster) })
	for _, r := range resumed.Requests {
		r.Owner.(*member).fail(r.Token, faultDraining)
	}
	for _, m := range n.members {
		m.leave()
	}
	n.finish(w.now.Add(250*time.Millisecond+2*w.plan.delay+time.Millisecond), w.now.Add(20*time.Second))
}

// finish ends the node when nothing is in hand any more, nor on its way to it.
func (n *node) finish(earliest, latest time.Time) {
	w := n.world
	w.after(20*time.Millisecond, n, func() {
		busy := w.now.Before(earliest)
		for _, m := range n.members {
			busy = busy || m.load > 0 || m.asked.Len() > 0 || len(m.outbox) > 0
		}
		if busy && w.now.Before(latest) {
			n.finish(earliest, latest)
			return
		}
		for _, m := range slices.Clone(n.members) {
			m.close()
		}
		n.ended = true
		w.shift(time.Millisecond, 200*time.Millisecond)
		w.after(w.plan.delay+time.Millisecond, n, func() { // what is in the lanes is handed over
			for _, s := range n.sides() {
				s.breakUp()
				s.down = true
			}
			n.up = false
			w.note("ended", n.number, 0)
		})
	})
}
