package membership

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"

	"github.com/hashicorp/memberlist"

	"github.com/project-iris/iris/transport"
)

// delegate tells memberlist about this node.
type delegate Membership

func (d *delegate) NodeMeta(int) []byte             { return d.config.Meta }
func (d *delegate) NotifyMsg([]byte)                {}
func (d *delegate) GetBroadcasts(_, _ int) [][]byte { return nil }
func (d *delegate) LocalState(bool) []byte          { return nil }
func (d *delegate) MergeRemoteState([]byte, bool)   {}

// events passes changes on to the handler.
type events Membership

func (e *events) NotifyJoin(n *memberlist.Node)   { e.up(n) }
func (e *events) NotifyUpdate(n *memberlist.Node) { e.up(n) }

func (e *events) NotifyLeave(n *memberlist.Node) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if id, err := transport.ParsePeerID(n.Name); err == nil && e.wanted(id) {
		e.config.Handler.NodeDown(id)
	}
}

func (e *events) up(n *memberlist.Node) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if id, err := transport.ParsePeerID(n.Name); err == nil && e.wanted(id) {
		e.config.Handler.NodeUp(id, bytes.Clone(n.Meta))
	}
}

// wanted reports whether the handler wants to hear of a node: not of this one, and of
// none when this one goes.
func (e *events) wanted(id transport.PeerID) bool {
	return id != e.config.Self && !e.leaving.Load()
}

// aliveCheck refuses nodes that cannot be.
type aliveCheck Membership

func (*aliveCheck) NotifyAlive(n *memberlist.Node) error {
	id, err := transport.ParsePeerID(n.Name)
	if err != nil {
		return err
	}
	if want := address(id); !n.Addr.Equal(want.IP) || int(n.Port) != want.Port {
		return fmt.Errorf("membership: node %s has the address of another", id.Short())
	}
	return nil
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
