package mem

import (
	"container/heap"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/project-iris/iris/transport"
)

// A wire is what lies between the two ends of a link. Its lock guards all that
// belongs to the link: the wire, both ends and their streams.
type wire struct {
	network *Network

	mu      sync.Mutex
	random  *rand.Rand
	ends    [2]*link // the dialler's and the acceptor's
	lanes   [2]lane  // by the end that sends
	idle    *time.Timer
	watches int  // the timers that idle was so far, to tell them apart
	over    bool // both ends have ended
}

// A lane is one direction of a wire.
type lane struct {
	path      Path
	cut       bool
	underway  schedule
	sequence  uint64
	busyUntil time.Time // when the bandwidth is free again
	ordered   time.Time // no reliable event may arrive before this one
	timer     *time.Timer
}

// newWire is called with the network's lock held.
func newWire(network *Network, random *rand.Rand, dialler, acceptor transport.PeerID, addr string) *wire {
	w := &wire{network: network, random: random}
	w.ends[0] = newLink(w, 0, dialler, acceptor, dialler.Short(), addr)
	w.ends[1] = newLink(w, 1, acceptor, dialler, addr, dialler.Short())
	w.lanes[0].path, w.lanes[0].cut = network.betweenLocked(dialler, acceptor)
	w.lanes[1].path, w.lanes[1].cut = network.betweenLocked(acceptor, dialler)
	w.watch()
	return w
}

// refresh takes over changes of the network.
func (w *wire) refresh() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for side := range w.lanes {
		l := &w.lanes[side]
		l.path, l.cut = w.network.between(w.ends[side].own, w.ends[side].peer)
		if !l.cut {
			w.arm(side)
		}
	}
	w.watch()
}

// watch starts the clock on a wire that no longer works, and stops it on one
// that does again. Without a working path there is nothing to hear, so no
// keep-alive has to be acted out.
func (w *wire) watch() {
	broken := !w.over && (w.lanes[0].cut || w.lanes[1].cut || w.ends[0].ended() || w.ends[1].ended())
	switch {
	case broken && w.idle == nil:
		w.watches++
		number := w.watches
		w.idle = time.AfterFunc(w.network.config.IdleTimeout, func() { w.silence(number) })
	case !broken && w.idle != nil:
		w.idle.Stop()
		w.idle = nil
	}
}

// silence ends the ends that have heard nothing for too long, unless the timer
// was stopped as it struck.
func (w *wire) silence(number int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.idle == nil || w.watches != number {
		return
	}
	for _, end := range w.ends {
		end.end(&transport.NetworkError{Op: "link", Addr: end.remoteAddr, Silent: true})
	}
}

// send puts an event on its way from a side. The lock is held.
func (w *wire) send(side int, e *event) {
	l := &w.lanes[side]
	instant := l.path.Delay == 0 && l.path.Jitter == 0 && l.path.Bandwidth == 0
	if e.kind == datagram && (l.cut || (l.path.Loss > 0 && w.random.Float64() < l.path.Loss)) {
		return
	}
	if instant && !l.cut && len(l.underway) == 0 {
		w.ends[1-side].receive(e)
		return
	}
	now := time.Now()
	leaves := now
	if l.path.Bandwidth > 0 {
		leaves = later(now, l.busyUntil).Add(time.Duration(int64(len(e.data)+overhead) * int64(time.Second) / l.path.Bandwidth))
		l.busyUntil = leaves
	}
	e.arrival = leaves.Add(l.path.Delay)
	if l.path.Jitter > 0 {
		e.arrival = e.arrival.Add(time.Duration(w.random.Int64N(int64(l.path.Jitter) + 1)))
	}
	if e.kind != datagram {
		e.arrival = later(e.arrival, l.ordered)
		l.ordered = e.arrival
	}
	l.sequence++
	e.sequence = l.sequence
	heap.Push(&l.underway, e)
	if !l.cut && l.underway[0] == e {
		w.arm(side)
	}
}

// arm sets the lane's timer to its next event. The lock is held.
func (w *wire) arm(side int) {
	l := &w.lanes[side]
	if len(l.underway) == 0 || w.over {
		return
	}
	wait := max(0, time.Until(l.underway[0].arrival))
	if l.timer == nil {
		l.timer = time.AfterFunc(wait, func() { w.deliver(side) })
		return
	}
	l.timer.Reset(wait)
}

// deliver hands over what has arrived.
func (w *wire) deliver(side int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := &w.lanes[side]
	now := time.Now()
	for len(l.underway) > 0 && !l.cut && !w.over && !l.underway[0].arrival.After(now) {
		w.ends[1-side].receive(heap.Pop(&l.underway).(*event))
	}
	if !l.cut {
		w.arm(side)
	}
}

// settle is called when an end has ended: the wire is over when both have.
func (w *wire) settle() {
	if w.over || !w.ends[0].ended() || !w.ends[1].ended() {
		w.watch()
		return
	}
	w.over = true
	w.watch()
	for side := range w.lanes {
		l := &w.lanes[side]
		l.underway = nil
		if l.timer != nil {
			l.timer.Stop()
		}
	}
	w.network.disconnect(w)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
