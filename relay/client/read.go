package client

import (
	"fmt"

	"github.com/project-iris/iris/relay/wire"
)

// read hands what the node sends to whom it is for, until the connection ends. Nothing
// that it calls waits: not for the application, and not for room to send.
func (a *attachment) read() {
	for {
		m, err := a.reader.Read()
		if err != nil {
			a.end(lost(dropped(err)))
			return
		}
		if err := a.dispatch(m); err != nil {
			a.end(err)
			return
		}
	}
}

// dispatch handles one frame. An error ends the connection. The frame is only valid
// until it returns.
func (a *attachment) dispatch(m wire.Message) error {
	switch m := m.(type) {
	case *wire.Result:
		a.calls.resolve(m, &a.counters)
	case *wire.Call:
		a.receiveRequest(m)
	case *wire.Delivery:
		a.receiveBroadcast(m)
	case *wire.Publish:
		a.receiveEvent(m)
	case *wire.TunOffer:
		a.acceptTunnel(m)
	case *wire.TunResult:
		a.confirmTunnel(m)
	case *wire.TunAllow:
		a.allowTunnel(m)
	case *wire.TunTransfer:
		a.receiveChunk(m)
	case *wire.TunClosed:
		a.endTunnel(m)
	case *wire.Closed:
		return a.farewell(m)
	default:
		return fmt.Errorf("%w: the node sent %v out of turn", ErrClosed, m.Op())
	}
	return nil
}

// farewell returns why the node has ended the connection: ErrClosed alone if we
// asked for it.
func (a *attachment) farewell(m *wire.Closed) error {
	switch {
	case len(m.Reason) > 0:
		return fmt.Errorf("%w by the node: %s", ErrClosed, m.Reason)
	case !a.closing.Load():
		return fmt.Errorf("%w by the node", ErrClosed)
	}
	return ErrClosed
}
