package overlay

import (
	"time"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/roster"
	"github.com/project-iris/iris/overlay/wire"
)

// placeSweep is how often names that nobody has sent to since the last time are given up.
const placeSweep = time.Minute

// run feeds the directory with what changes on this node, and with time.
func (n *network) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	sweep := time.NewTicker(placeSweep)
	defer sweep.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-sweep.C:
			n.sweep()
		case <-n.dirty:
		case <-timer.C:
		}
		next := n.stepChanges(nil)
		timer.Reset(time.Until(n.retry(next)))
	}
}

// sweep forgets what was not used lately.
func (n *network) sweep() {
	n.multicast.Sweep()
	o := n.overlay
	o.mu.Lock()
	defer o.mu.Unlock()
	o.names.Sweep()
}

// retry tries again what waits and is due, and returns when it wants to be called again,
// or next if that is earlier.
func (n *network) retry(next time.Time) time.Time {
	o := n.overlay
	o.mu.Lock()
	resumed := o.names.Retry(time.Now())
	o.mu.Unlock()
	o.resume(resumed)
	o.mu.Lock()
	defer o.mu.Unlock()
	if at, ok := o.names.Next(); ok && at.Before(next) {
		return at
	}
	return next
}

// stepChanges lets the directory handle what has changed on this node, and then one more
// event, if there is one. It is made while the directory is locked. It returns when the
// directory wants to be called again.
func (n *network) stepChanges(more func() directory.Event) (next time.Time) {
	n.mu.Lock()
	events := n.changes()
	if more != nil {
		events = append(events, more())
	}
	resumed, next := n.stepLocked(events)
	n.mu.Unlock()
	n.overlay.resume(resumed)
	if more != nil {
		n.again()
	}
	return next
}

// changes returns what the directory has to be told of names that were touched. The lock
// of the directory is held, so that nobody tells it more before it knows that.
func (n *network) changes() []directory.Event {
	o := n.overlay
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]directory.Event{directory.Membership{Members: n.roster.Members()}, directory.Tick{}}, o.names.Changes()...)
}

// step lets the directory handle events, does what it wants, and returns when it wants
// to be called again.
func (n *network) step(events ...directory.Event) (next time.Time) {
	n.mu.Lock()
	resumed, next := n.stepLocked(events)
	n.mu.Unlock()
	n.overlay.resume(resumed)
	return next
}

func (n *network) stepLocked(events []directory.Event) (resumed names.Resumed, next time.Time) {
	for _, event := range events {
		for _, action := range n.directory.Step(time.Now(), event) {
			switch action := action.(type) {
			case directory.Send:
				n.send(action)
			case directory.Changed:
				resumed.Add(n.overlay.changed(action))
			case directory.Confirmed:
				n.confirmations.confirmed(action.Token)
			}
		}
		if watch, ok := event.(directory.Watch); ok {
			// It is no news to the directory if the name was watched until just now.
			if nodes, known := n.directory.Lookup(watch.Name); known {
				resumed.Add(n.overlay.changed(directory.Changed{Name: watch.Name, Nodes: nodes, Known: known}))
			}
		}
	}
	next, ok := n.directory.Next()
	if !ok {
		next = time.Now().Add(time.Hour)
	}
	return resumed, next
}

// send sends a message of the directory. One that cannot be sent is repeated.
func (n *network) send(action directory.Send) {
	if r := n.overlay.links.get(action.To); r != nil {
		r.Tell(action.Message)
	} else {
		n.overlay.counters.unlinked.Add(1)
	}
}

// again lets the directory's timer be set anew after events that came from elsewhere.
func (n *network) again() {
	select {
	case n.dirty <- struct{}{}:
	default:
	}
}

// HandleControl tells a node where this one sees it, and lets the directory find out what
// it has missed.
func (r *remote) HandleControl() {
	n := r.overlay.net
	if seen := roster.SeenAt(r.Peer().Link().RemoteAddr()); seen != nil {
		r.Tell(seen)
	}
	n.step(directory.Connected{Peer: r.ID()})
	n.again()
}

// HandleDirectory hands a message to the directory. What a node says of where it sees this
// one counts once a link.
func (r *remote) HandleDirectory(m wire.Message) {
	n := r.overlay.net
	if seen, ok := m.(*wire.Seen); ok {
		if !r.saidSeen {
			n.roster.See(r.Peer().ID(), seen)
		}
		r.saidSeen = true
		return
	}
	n.step(directory.Received{From: r.ID(), Message: m})
	n.again()
}
