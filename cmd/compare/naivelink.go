package main

import (
	"context"
	"crypto/tls"
	"io"
	"net"

	quicgo "github.com/quic-go/quic-go"
)

// acceptFunc and dialFunc make one connection, or stream.
type (
	acceptFunc func(context.Context) (io.ReadWriteCloser, error)
	dialFunc   func(context.Context) (io.ReadWriteCloser, error)
)

// listen accepts from an application or, in the last node, from the first one.
func (n *naive) listen() (acceptFunc, string, error) {
	if n.last && n.transport == overQUIC {
		return n.listenQUIC()
	}
	l, err := net.Listen("tcp", naiveLoopback)
	if err != nil {
		return nil, "", err
	}
	return func(context.Context) (io.ReadWriteCloser, error) {
		c, err := l.Accept()
		if err != nil || !n.last {
			return c, err
		}
		return tls.Server(c, n.config), nil
	}, l.Addr().String(), nil
}

// listenQUIC accepts streams of the one connection that there is.
func (n *naive) listenQUIC() (acceptFunc, string, error) {
	l, err := quicgo.ListenAddr(naiveLoopback, n.config, quicWindows())
	if err != nil {
		return nil, "", err
	}
	var c *quicgo.Conn
	return func(ctx context.Context) (io.ReadWriteCloser, error) {
		if c == nil {
			var err error
			if c, err = l.Accept(ctx); err != nil {
				return nil, err
			}
		}
		return acceptStream(ctx, c)
	}, l.Addr().String(), nil
}

func acceptStream(ctx context.Context, c *quicgo.Conn) (io.ReadWriteCloser, error) {
	s, err := c.AcceptStream(ctx)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// dialer leads to an application or, in the first node, to the last one.
func (n *naive) dialer(ctx context.Context) (dialFunc, error) {
	switch {
	case n.last:
		return func(context.Context) (io.ReadWriteCloser, error) { return net.Dial("tcp", n.to) }, nil
	case n.transport == overTCP:
		return func(context.Context) (io.ReadWriteCloser, error) { return tls.Dial("tcp", n.to, n.config) }, nil
	}
	c, err := quicgo.DialAddr(ctx, n.to, n.config, quicWindows())
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) (io.ReadWriteCloser, error) {
		s, err := c.OpenStreamSync(ctx)
		if err != nil {
			return nil, err
		}
		return s, nil
	}, nil
}

// quicWindows are the windows that package quic has.
func quicWindows() *quicgo.Config {
	return &quicgo.Config{
		InitialStreamReceiveWindow: 512 << 10, MaxStreamReceiveWindow: 4 << 20,
		InitialConnectionReceiveWindow: 2 << 20, MaxConnectionReceiveWindow: 32 << 20,
	}
}
