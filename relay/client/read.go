package client

import (
	"fmt"

	"github.com/project-iris/iris/relay/wire"
)

// read hands what the node sends to whom it is for, until the connection ends. Nothing
// that it calls waits: not for the application, and not for room to send.
func (c *Conn) read() {
	for {
		m, err := c.reader.Read()
		if err != nil {
			c.end(lost(dropped(err)))
			return
		}
		if err := c.dispatch(m); err != nil {
			c.end(err)
			return
		}
	}
}

// dispatch handles one frame. An error ends the connection. The frame is only valid
// until it returns.
func (c *Conn) dispatch(m wire.Message) error {
	switch m := m.(type) {
	case *wire.Result:
		c.calls.resolve(m, &c.counters)
	case *wire.Call:
		c.receiveRequest(m)
	case *wire.Delivery:
		c.receiveBroadcast(m)
	case *wire.Publish:
		c.receiveEvent(m)
	case *wire.TunOffer:
		c.acceptTunnel(m)
	case *wire.TunResult:
		c.confirmTunnel(m)
	case *wire.TunAllow:
		c.allowTunnel(m)
	case *wire.TunTransfer:
		c.receiveChunk(m)
	case *wire.TunClosed:
		c.endTunnel(m)
	case *wire.Closed:
		return c.farewell(m)
	default:
		return fmt.Errorf("%w: the node sent %v out of turn", ErrClosed, m.Op())
	}
	return nil
}

// farewell returns why the node has ended the connection: ErrClosed alone if we
// asked for it.
func (c *Conn) farewell(m *wire.Closed) error {
	switch {
	case len(m.Reason) > 0:
		return fmt.Errorf("%w by the node: %s", ErrClosed, m.Reason)
	case !c.closing.Load():
		return fmt.Errorf("%w by the node", ErrClosed)
	}
	return ErrClosed
}
