package membership

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/project-iris/iris/transport"
)

var errName = errors.New("membership: not the name of a node")

// delegate tells memberlist about this node.
type delegate Membership

func (d *delegate) NodeMeta(int) []byte             { return *d.meta.Load() }
func (d *delegate) NotifyMsg([]byte)                {}
func (d *delegate) GetBroadcasts(_, _ int) [][]byte { return nil }
func (d *delegate) LocalState(bool) []byte          { return nil }
func (d *delegate) MergeRemoteState([]byte, bool)   {}

// pings learns of probes that were answered.
type pings Membership

func (p *pings) AckPayload() []byte { return nil }

func (p *pings) NotifyPingComplete(n *memberlist.Node, trip time.Duration, payload []byte) {
	if id, err := parseName(n.Name); err == nil && string(payload) != latePayload {
		p.roster.answered(id, trip)
	}
	p.wires.answered(n.Name)
}

// events passes changes on to the handler.
type events Membership

func (e *events) NotifyJoin(n *memberlist.Node)   { e.up(n) }
func (e *events) NotifyUpdate(n *memberlist.Node) { e.up(n) }

func (e *events) NotifyLeave(n *memberlist.Node) {
	id, ok := e.other(n)
	m := (*Membership)(e)
	switch {
	case !ok:
	case m.roster.doubt(id, m.config.Received(id)):
		m.change(func() { m.work.Go(func() { m.ask(id) }) })
	default:
		m.change(func() { m.down(id, false) })
	}
}

func (e *events) up(n *memberlist.Node) {
	id, ok := e.other(n)
	if !ok {
		return
	}
	(*Membership)(e).change(func() {
		e.roster.up(id, n.Meta)
		e.company.Do(func() { e.work.Go((*Membership)(e).compare) })
		e.config.Handler.NodeUp(id, bytes.Clone(n.Meta))
	})
}

// down passes on that a node is no member any more. The lock is held.
func (m *Membership) down(id transport.PeerID, silent bool) {
	m.roster.down(id)
	m.config.Handler.NodeDown(id, silent)
}

// other returns the id of a node that is not this one.
func (e *events) other(n *memberlist.Node) (transport.PeerID, bool) {
	id, err := parseName(n.Name)
	return id, err == nil && id != e.config.Self
}

// change makes a change and tells of it, one after the other, unless this node goes. It
// reports whether it did.
func (m *Membership) change(change func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.going {
		change()
	}
	return !m.going
}

// leaving reports whether this node goes.
func (m *Membership) leaving() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.going
}

// parseName reads a node's name, of which it has one only.
func parseName(name string) (transport.PeerID, error) {
	id, err := transport.ParsePeerID(name)
	if err != nil {
		return id, err
	}
	if id.IsZero() || id.String() != name {
		return id, errName
	}
	return id, nil
}

// aliveCheck refuses nodes that cannot be, and those for which there is no room.
type aliveCheck Membership

func (a *aliveCheck) NotifyAlive(n *memberlist.Node) error {
	id, err := parseName(n.Name)
	if err != nil {
		return err
	}
	if want := address(id); !n.Addr.Equal(want.IP) || int(n.Port) != want.Port {
		return fmt.Errorf("membership: node %s has the address of another", id.Short())
	}
	if len(n.Meta) > MaxMeta {
		return fmt.Errorf("membership: node %s has %d bytes of meta data", id.Short(), len(n.Meta))
	}
	if id == a.config.Self {
		return nil
	}
	return a.roster.admit(id)
}

// logWriter passes the lines of memberlist on to slog.
type logWriter struct{ log *slog.Logger }

// Write takes one line, such as "[WARN] memberlist: text". Its errors are ordinary to
// a node whose peers come and go, so they are no more than debugging here.
func (w *logWriter) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	if _, after, ok := strings.Cut(text, "memberlist: "); ok {
		text = after
	}
	w.log.Debug("membership", "detail", text)
	return len(line), nil
}
