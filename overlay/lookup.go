package overlay

import (
	"time"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// touch notes that the registration or the watch of a name may have changed. Overlay.mu
// is held.
func (n *network) touch(name directory.Name) {
	n.touched[name] = struct{}{}
	select {
	case n.dirty <- struct{}{}:
	default:
	}
}

// run feeds the directory with what changes on this node, and with time.
func (n *network) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	sweep := time.NewTicker(placeSweep)
	defer sweep.Stop()
	defer n.retryTimer.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-sweep.C:
			n.overlay.sweepPlaces()
		case <-n.retryTimer.C:
			n.retryHeld()
		case <-n.dirty:
		case <-timer.C:
		}
		timer.Reset(time.Until(n.stepChanges(nil)))
	}
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
	held, next := n.stepLocked(events)
	n.mu.Unlock()
	n.overlay.goOn(held)
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
	events := []directory.Event{n.membership(), directory.Tick{}}
	for name := range n.touched {
		if _, registered := o.registered[name]; registered {
			events = append(events, directory.Register{Name: name})
		} else {
			events = append(events, directory.Unregister{Name: name})
		}
		if o.places[name] != nil {
			events = append(events, directory.Watch{Name: name})
		} else {
			events = append(events, directory.Unwatch{Name: name})
		}
	}
	clear(n.touched)
	return events
}

// step lets the directory handle events, does what it wants, and returns when it wants
// to be called again.
func (n *network) step(events ...directory.Event) (next time.Time) {
	n.mu.Lock()
	held, next := n.stepLocked(events)
	n.mu.Unlock()
	n.overlay.goOn(held)
	return next
}

func (n *network) stepLocked(events []directory.Event) (held []*heldRequest, next time.Time) {
	for _, event := range events {
		for _, action := range n.directory.Step(time.Now(), event) {
			switch action := action.(type) {
			case directory.Send:
				n.send(action)
			case directory.Changed:
				held = append(held, n.overlay.moved(action)...)
			case directory.Confirmed:
				n.confirmations.confirmed(action.Token)
			}
		}
		if watch, ok := event.(directory.Watch); ok {
			// It is no news to the directory if the name was watched until just now.
			if nodes, known := n.directory.Lookup(watch.Name); known {
				held = append(held, n.overlay.moved(directory.Changed{Name: watch.Name, Nodes: nodes, Known: known})...)
			}
		}
	}
	next, ok := n.directory.Next()
	if !ok {
		next = time.Now().Add(time.Hour)
	}
	return held, next
}

// send sends a message of the directory.
func (n *network) send(action directory.Send) {
	if r := n.overlay.remote(action.To); r == nil || !r.control.send(action.Message) {
		n.overlay.counters.controlsDropped.Add(1)
	}
}

// moved takes over what the directory knows about a name, and returns the requests that
// can go on.
func (o *Overlay) moved(change directory.Changed) []*heldRequest {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.places[change.Name]
	if p == nil {
		return nil
	}
	o.move(p, change.Nodes, change.Known)
	if p.known {
		p.settle()
	}
	return p.owner.moved(o)
}

// again lets the directory's timer be set anew after events that came from elsewhere.
func (n *network) again() {
	select {
	case n.dirty <- struct{}{}:
	default:
	}
}

var errNoControl = &transport.ClosedError{Code: transport.CodeProtocol, Reason: "control stream has ended"}

// control exchanges the directory's messages with a node.
func (n *network) control(r *remote, s transport.Stream) {
	out := r.control.begin(s)
	n.work.Go(func() { _ = out.Run() })
	defer out.Abort(errLinkLost)
	defer r.cut(errNoControl) // which does nothing if that is why
	if seen := seenAt(r.peer.Link().RemoteAddr()); seen != nil {
		r.control.send(seen)
	}
	n.step(directory.Connected{Peer: r.id})
	n.again()
	reader := wire.NewReader(s, wire.Limits{Frame: wire.DirectoryLimit})
	said := false // where it sees this node, which counts once
	for {
		m, err := reader.Read()
		if err != nil {
			r.broke(err)
			return
		}
		if seen, ok := m.(*wire.Seen); ok {
			if !said {
				n.nodes.see(r.peer.ID(), seen)
			}
			said = true
			continue
		}
		n.step(directory.Received{From: r.id, Message: m})
		n.again()
	}
}

// setMembers changes who is in the network. The directory is told soon: whoever calls
// this holds locks of his own.
func (n *network) setMembers(change func(*directory.Members) *directory.Members) {
	n.whoMu.Lock()
	n.who = change(n.who)
	n.whoMu.Unlock()
	n.again()
}

// membership returns who is in the network.
func (n *network) membership() directory.Membership {
	n.whoMu.Lock()
	defer n.whoMu.Unlock()
	return directory.Membership{Members: n.who}
}
