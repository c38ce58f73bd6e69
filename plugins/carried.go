package plugins

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"google.golang.org/grpc/status"

	"github.com/project-iris/iris/plugins/pluginrpc"
)

// linger is how long what was written before Close may take to be handed over.
const linger = time.Second

// A carried is a connection whose bytes go through a call of Carry. Two goroutines work
// for it, which end with the call, and with the instance at the latest.
type carried struct {
	stream pluginrpc.Transport_CarryClient
	cancel context.CancelFunc // ends the call
	in     *half
	out    *half
}

var _ net.Conn = (*carried)(nil)

// openStream starts to carry a connection over gRPC.
func (i *instance) openStream(id []byte) (net.Conn, error) {
	ctx, cancel := context.WithCancel(i.process.exited)
	stream, err := i.rpc.Carry(ctx)
	if err == nil {
		err = stream.Send(&pluginrpc.Chunk{Connection: id})
	}
	if err != nil {
		cancel()
		return nil, err
	}
	c := &carried{stream: stream, cancel: cancel, in: newHalf(pluginrpc.MaxChunk), out: newHalf(pluginrpc.MaxChunk)}
	i.carrying.Go(c.sendLoop)
	i.carrying.Go(func() {
		if err := c.receiveLoop(); errors.Is(err, ErrProtocol) {
			i.fail(err)
		}
	})
	return c, nil
}

// sendLoop sends what was written, as much at once as there is.
func (c *carried) sendLoop() {
	var spare []byte
	for {
		data, err := c.out.take(spare)
		if err != nil {
			_ = c.stream.CloseSend()
			return
		}
		if err := c.stream.Send(&pluginrpc.Chunk{Data: data}); err != nil {
			return // receiveLoop gets the reason
		}
		spare = data // messages are encoded before Send returns
	}
}

// receiveLoop receives until the call is over. After Close it drops what comes.
func (c *carried) receiveLoop() error {
	defer c.cancel()
	for {
		chunk, err := c.stream.Recv()
		if err == nil && len(chunk.GetData()) > pluginrpc.MaxChunk {
			err = fmt.Errorf("%w: a chunk of %d bytes", ErrProtocol, len(chunk.GetData()))
		}
		if errors.Is(err, io.EOF) {
			c.in.end()
			c.out.fail(io.ErrClosedPipe)
			return nil
		}
		if err != nil {
			broken := &net.OpError{Op: "carry", Net: "plugin", Err: errors.New(cut(status.Convert(err).Message()))}
			c.in.fail(broken)
			c.out.fail(broken)
			return err
		}
		_, _ = c.in.Write(chunk.GetData())
		if chunk.GetEnd() {
			c.in.end()
		}
	}
}

// Read reads what has come.
func (c *carried) Read(b []byte) (int, error) { return c.in.Read(b) }

// Write waits while there is too much on the way.
func (c *carried) Write(b []byte) (int, error) { return c.out.Write(b) }

// CloseWrite says that nothing follows.
func (c *carried) CloseWrite() error {
	c.out.end()
	return nil
}

// Close ends the connection when what was written has been handed over.
func (c *carried) Close() error {
	c.out.end()
	c.in.fail(net.ErrClosed)
	time.AfterFunc(linger, c.cancel)
	return nil
}

// LocalAddr is for the pipe to know.
func (c *carried) LocalAddr() net.Addr { return address("unknown") }

// RemoteAddr is for the pipe to know.
func (c *carried) RemoteAddr() net.Addr { return address("unknown") }

// SetDeadline sets both.
func (c *carried) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

// SetReadDeadline makes Read fail at t.
func (c *carried) SetReadDeadline(t time.Time) error {
	c.in.set(&c.in.reading, t)
	return nil
}

// SetWriteDeadline makes Write fail at t.
func (c *carried) SetWriteDeadline(t time.Time) error {
	c.out.set(&c.out.writing, t)
	return nil
}
