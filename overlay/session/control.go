package session

import (
	"sync"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/budget"
	"github.com/project-iris/iris/transport/outbox"
)

// controlLimit is how many bytes of the directory's messages may wait for a node. What
// does not fit is dropped: the directory finds out and says it again.
const controlLimit = 4 << 20

var errControlEnded = &transport.ClosedError{Code: transport.CodeProtocol, Reason: "control stream has ended"}

// control is the way to the directory of the other node.
type control struct {
	mu  sync.Mutex
	out *outbox.Outbox // nil until the control stream is open
}

// open uses a stream.
func (c *control) open(stream transport.Stream, memory *budget.Holder) *outbox.Outbox {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = outbox.New(stream, controlLimit, 0)
	c.out.ChargeBeyond(memory, controlLimit) // nobody would know of names otherwise
	return c.out
}

// send queues a message, and reports whether it could.
func (c *control) send(m wire.Message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out == nil {
		return false
	}
	b, err := c.out.Bulk.Begin(m.Size())
	if err != nil {
		return false
	}
	c.out.Commit(m.Append(b))
	return true
}

// Tell queues a message for the directory of the other node. It is dropped and counted
// where there is no room, or no control stream yet.
func (s *Session) Tell(m wire.Message) {
	if !s.control.send(m) {
		s.config.Counters.controlsDropped.Add(1)
	}
}

// ServeControl exchanges the directory's messages with the other node, until the stream
// ends. That ends the link.
func (s *Session) ServeControl(stream transport.Stream) {
	out := s.control.open(stream, s.config.Memory)
	s.others.Go(func() { _ = out.Run() })
	defer out.Abort(errLinkLost)
	defer s.Cut(errControlEnded) // which does nothing if that is why
	s.config.Handler.HandleControl()
	reader := wire.NewReader(stream, wire.Limits{Frame: wire.DirectoryLimit})
	for {
		m, err := reader.Read()
		if err != nil {
			s.broke(err)
			return
		}
		s.config.Handler.HandleDirectory(m)
	}
}
