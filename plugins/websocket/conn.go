package main

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// endpoints are what a conn needs to know of the connection below.
type endpoints interface {
	LocalAddr() net.Addr
	RemoteAddr() net.Addr
}

// A conn is a net.Conn over WebSocket, for one reader and one writer. It is not
// websocket.NetConn, which passes over the empty messages that end a direction here.
type conn struct {
	endpoints
	ws     *websocket.Conn
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	pings  sync.WaitGroup

	// For the reader alone.
	message io.Reader // the one that is being read; nil between two
	fresh   bool      // nothing has come of it
	ended   bool      // the other side has ended its direction
}

func newConn(ws *websocket.Conn, ends endpoints, ping time.Duration) *conn {
	c := &conn{endpoints: ends, ws: ws}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	ws.SetReadLimit(-1) // a message is read as it comes, whatever its size
	if ping > 0 {
		c.pings.Go(func() { c.keepAlive(ping) })
	}
	return c
}

// keepAlive pings until the connection ends, and ends it when no answer has come by the
// time for the next ping.
func (c *conn) keepAlive(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-c.ctx.Done():
			return
		}
		ctx, cancel := context.WithTimeout(c.ctx, every)
		err := c.ws.Ping(ctx)
		cancel()
		if err != nil {
			_ = c.ws.CloseNow()
			return
		}
	}
}

// Read reads what has come. It returns io.EOF after the empty message.
func (c *conn) Read(b []byte) (int, error) {
	for len(b) > 0 && !c.ended {
		if c.message == nil {
			_, message, err := c.ws.Reader(c.ctx)
			if err != nil {
				return 0, err
			}
			c.message, c.fresh = message, true
		}
		n, err := c.message.Read(b)
		if errors.Is(err, io.EOF) {
			c.ended = c.fresh && n == 0
			c.message, err = nil, nil
		}
		if n > 0 {
			c.fresh = false
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	if c.ended {
		return 0, io.EOF
	}
	return 0, nil
}

// Write sends b as a message.
func (c *conn) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	if err := c.ws.Write(c.ctx, websocket.MessageBinary, b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// CloseWrite tells the other side that nothing follows.
func (c *conn) CloseWrite() error { return c.ws.Write(c.ctx, websocket.MessageBinary, nil) }

// Close says goodbye, which takes a round trip, or five seconds if there is no answer.
func (c *conn) Close() error {
	err := c.ws.Close(websocket.StatusNormalClosure, "")
	c.cancel()
	c.pings.Wait()
	return err
}

// SetDeadline is not supported: the library would end the connection at a deadline, and
// package sdk sets none.
func (c *conn) SetDeadline(time.Time) error { return errors.ErrUnsupported }

// SetReadDeadline is not supported either.
func (c *conn) SetReadDeadline(time.Time) error { return errors.ErrUnsupported }

// SetWriteDeadline is not supported either.
func (c *conn) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }
