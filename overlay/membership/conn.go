package membership

import (
	"bufio"
	"bytes"
	"net"
	"sync"

	"github.com/project-iris/iris/transport"
)

// conn is a stream as a connection, on which each side sends one message.
type conn struct {
	transport.Stream
	wires      *wires
	self, peer transport.PeerID

	message *bytes.Reader // what the peer has sent, once it was read
	ending  sync.Once
	ended   chan struct{} // closed when memberlist has closed it
}

// Read returns what the peer has sent when all of it has come and is found good.
func (c *conn) Read(b []byte) (int, error) {
	if c.message == nil {
		message, err := c.wires.screen.stream(bufio.NewReader(c.Stream))
		if err != nil {
			return 0, err
		}
		c.message = bytes.NewReader(message)
	}
	return c.message.Read(b)
}

// Close ends both directions; what was written still arrives.
func (c *conn) Close() error {
	err := c.CloseWrite()
	c.CancelRead(transport.CodeNone)
	c.ending.Do(func() {
		c.wires.untrack(c)
		close(c.ended)
	})
	return err
}

// LocalAddr is the stand-in for this node's address.
func (c *conn) LocalAddr() net.Addr { return address(c.self) }

// RemoteAddr is the stand-in for the peer's address.
func (c *conn) RemoteAddr() net.Addr { return address(c.peer) }
