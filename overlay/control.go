package overlay

import (
	"sync"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/outbox"
)

// controlLimit is how many bytes of the directory's messages may wait for a node. What
// does not fit is dropped: the directory finds out and says it again.
const controlLimit = 4 << 20

// control is the way to the directory of another node.
type control struct {
	mu  sync.Mutex
	out *outbox.Outbox // nil until the control stream is open
}

// begin uses a stream.
func (c *control) begin(s transport.Stream) *outbox.Outbox {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = outbox.New(s, controlLimit, 0)
	return c.out
}

// send queues a message, and reports whether it could.
func (c *control) send(m wire.Message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out == nil {
		return false
	}
	b, err := c.out.Begin(m.Size())
	if err != nil {
		return false
	}
	c.out.Commit(m.Append(b))
	return true
}
