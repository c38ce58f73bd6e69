package client

import (
	"bytes"
	"errors"
	"net"

	"github.com/project-iris/iris/relay/wire"
	"github.com/project-iris/iris/transport/outbox"
)

// echoSession is one application of an echoNode.
type echoSession struct {
	out     *outbox.Outbox
	tunnels map[uint64]*echoEnd
	result  wire.Result // used again, so that benchmarks count the client's allocations
	call    wire.Call
}

// echoEnd is one end of a tunnel, at the node.
type echoEnd struct {
	id        uint64
	peer      *echoEnd
	allowance int64              // of the application
	queue     []wire.TunTransfer // waits for allowance
}

const (
	echoChunk  = 64 << 10
	echoWindow = 4 << 20 // the node's first grant to each end
)

// serve plays the node for one application until it leaves.
func (n *echoNode) serve(link net.Conn) {
	defer link.Close()
	s := &echoSession{
		out:     outbox.New(link, 64<<20, 0),
		tunnels: map[uint64]*echoEnd{},
	}
	n.running.start(func() { _ = s.out.Run() })
	defer func() {
		s.out.Close()
		<-s.out.Done()
	}()
	reader := wire.NewReader(link, wire.FromApplication, wire.Limits{})
	for {
		m, err := reader.Read()
		if err != nil {
			return
		}
		if s.handle(m) != nil {
			return
		}
	}
}

func (s *echoSession) send(messages ...wire.Message) {
	for _, m := range messages {
		if b, err := s.out.Prompt.BeginOver(m.Size()); err == nil {
			s.out.Commit(m.Append(b))
		}
	}
}

var errLeft = errors.New("the application has left")

func (s *echoSession) handle(m wire.Message) error {
	switch m := m.(type) {
	case *wire.Init:
		s.send(&wire.Accept{Version: []byte(wire.Version)})
	case *wire.Close:
		s.send(&wire.Closed{})
		return errLeft
	case *wire.Request:
		if string(m.Cluster) == "node" { // answered here, not by the application
			s.result = wire.Result{ID: m.ID, OK: true, Body: m.Body}
			s.send(&s.result)
			break
		}
		s.call = wire.Call{ID: m.ID, Body: m.Body, Timeout: m.Timeout}
		s.send(&s.call)
	case *wire.Reply:
		s.result = wire.Result{ID: m.ID, OK: m.OK, Body: m.Body}
		s.send(&s.result)
	case *wire.Broadcast:
		s.send(&wire.Delivery{Message: m.Message})
	case *wire.Publish:
		s.send(m)
	default:
		s.handleTunnel(m)
	}
	return nil
}

// handleTunnel joins the tunnels that the application opens to itself. The build id
// is the id of the end that asked.
func (s *echoSession) handleTunnel(m wire.Message) {
	switch m := m.(type) {
	case *wire.TunInit:
		s.send(&wire.TunOffer{BuildID: m.ID, ChunkLimit: echoChunk})
	case *wire.TunConfirm:
		a, b := &echoEnd{id: m.BuildID}, &echoEnd{id: m.ID}
		a.peer, b.peer = b, a
		s.tunnels[a.id], s.tunnels[b.id] = a, b
		s.send(&wire.TunResult{ID: a.id, ChunkLimit: echoChunk},
			&wire.TunAllow{ID: a.id, Bytes: echoWindow}, &wire.TunAllow{ID: b.id, Bytes: echoWindow})
	case *wire.TunAllow:
		if end := s.tunnels[m.ID]; end != nil {
			end.allowance += int64(m.Bytes)
			s.pass(end)
		}
	case *wire.TunTransfer:
		if end := s.tunnels[m.ID]; end != nil {
			chunk := wire.TunTransfer{ID: end.peer.id, Total: m.Total, Chunk: bytes.Clone(m.Chunk)}
			end.peer.queue = append(end.peer.queue, chunk)
			s.pass(end.peer)
		}
	case *wire.TunClose:
		if end := s.tunnels[m.ID]; end != nil {
			s.send(&wire.TunClosed{ID: end.id}, &wire.TunClosed{ID: end.peer.id})
			delete(s.tunnels, end.id)
			delete(s.tunnels, end.peer.id)
		}
	}
}

// pass hands on what the allowance lets through: the first chunk of a message waits
// for it, the others may overrun it. The sender is granted what was forwarded.
func (s *echoSession) pass(end *echoEnd) {
	for len(end.queue) > 0 {
		m := end.queue[0]
		n := int64(len(m.Chunk))
		if m.Total > 0 && end.allowance < n {
			return
		}
		end.queue = end.queue[1:]
		end.allowance -= n
		s.send(&m, &wire.TunAllow{ID: end.peer.id, Bytes: uint64(n)})
	}
}
