package overlaytest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/project-iris/iris/overlay"
)

// Member is an application that answers after some time, or refuses all, or never answers.
type Member struct {
	*overlay.Member
	Title  string // from where it has connected
	After  time.Duration
	Full   bool
	Silent bool
	Queued int // bytes that wait for it

	ready chan struct{} // closed when Member is set, as it may be handed a request before
}

// Attach attaches an application to a node.
func (n *Node) Attach(t *testing.T, cluster string, m *Member) *Member {
	t.Helper()
	m.ready = make(chan struct{})
	attached, err := n.Overlay.Attach([]byte(cluster), m)
	if err != nil {
		t.Fatal(err)
	}
	m.Member = attached
	close(m.ready)
	return m
}

// Addr is from where it has connected.
func (m *Member) Addr() string { return m.Title }

// Waiting is how many bytes wait for it.
func (m *Member) Waiting() int { return m.Queued }

// HandleRequest answers in its time, unless the application is full or silent.
func (m *Member) HandleRequest(id uint64, _ []byte, _ time.Duration) error {
	switch {
	case m.Full:
		return errors.New("no room")
	case !m.Silent:
		time.AfterFunc(m.After, func() {
			<-m.ready
			m.Reply(id, true, nil)
		})
	}
	return nil
}

// HandleTunnel takes none.
func (*Member) HandleTunnel(context.Context, overlay.Stream) error { return errors.New("no tunnels") }

// All else is not looked at.

func (*Member) HandleBroadcast([]byte)     {}
func (*Member) HandleEvent(_, _ []byte)    {}
func (*Member) HandleReply(uint64, []byte) {}
func (*Member) HandleFault(uint64, []byte) {}
func (*Member) HandleTimeout(uint64)       {}
func (*Member) HandleLimit(error)          {}
