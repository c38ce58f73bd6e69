package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/quic"
	"github.com/project-iris/iris/tcp"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
)

const (
	loopback    = "127.0.0.1:0"
	networkName = "ladder"
)

// listener accepts one link from another node.
type listener struct {
	addr   string
	accept func(context.Context) (conn, error)
}

// identity is a new node of the network.
func (p part) identity() (*identity.Identity, error) {
	key, err := identity.Load(p.Key)
	if err != nil {
		return nil, err
	}
	return identity.New(identity.Config{Key: key, Network: networkName})
}

// What the program iris gives its transports: links that nobody waits for are quiet.
const (
	keepAlive   = 15 * time.Second
	idleTimeout = 3 * keepAlive
)

// newTransport makes the transport of a node.
func (p part) newTransport(id *identity.Identity, versions transport.Versions, log *slog.Logger) (transport.Transport, error) {
	if p.Transport == overQUIC {
		return quic.New(quic.Config{Identity: id, Versions: versions, Logger: log, IdleTimeout: idleTimeout, KeepAlive: keepAlive})
	}
	return tcp.New(tcp.Config{Identity: id, Versions: versions, Logger: log, KeepAlive: keepAlive}), nil
}

// listen accepts what the layer has between the nodes.
func (p part) listen(ctx context.Context) (*listener, error) {
	switch {
	case p.Layer != security && p.Layer != multiplexer:
		return listenTCP(nil)
	case p.Layer == multiplexer:
		return p.listenStream(ctx)
	}
	id, err := p.identity()
	if err != nil {
		return nil, err
	}
	if p.Transport == overQUIC {
		return listenQUIC(id.ServerTLS())
	}
	return listenTCP(id.ServerTLS())
}

// dial is the other side of listen.
func (p part) dial(ctx context.Context) (conn, error) {
	switch {
	case p.Layer != security && p.Layer != multiplexer:
		return net.Dial("tcp", p.Peer)
	case p.Layer == multiplexer:
		return p.dialStream(ctx)
	}
	id, err := p.identity()
	if err != nil {
		return nil, err
	}
	config := id.ClientTLS(transport.PeerID{})
	if p.Transport == overTCP {
		return tls.Dial("tcp", p.Peer, config)
	}
	c, err := quicgo.DialAddr(ctx, p.Peer, config, nil)
	if err != nil {
		return nil, err
	}
	return c.OpenStreamSync(ctx)
}

// listenTCP accepts a TCP connection, with TLS if there is a configuration for it.
func listenTCP(config *tls.Config) (*listener, error) {
	l, err := net.Listen("tcp", loopback)
	if err != nil {
		return nil, err
	}
	return &listener{l.Addr().String(), func(context.Context) (conn, error) {
		c, err := l.Accept()
		if err != nil || config == nil {
			return c, err
		}
		return tls.Server(c, config), nil
	}}, nil
}

// listenQUIC accepts a stream of quic-go.
func listenQUIC(config *tls.Config) (*listener, error) {
	l, err := quicgo.ListenAddr(loopback, config, nil)
	if err != nil {
		return nil, err
	}
	return &listener{l.Addr().String(), func(ctx context.Context) (conn, error) {
		c, err := l.Accept(ctx)
		if err != nil {
			return nil, err
		}
		return c.AcceptStream(ctx)
	}}, nil
}

// listenStream accepts a stream of a link.
func (p part) listenStream(ctx context.Context) (*listener, error) {
	t, err := p.ownTransport()
	if err != nil {
		return nil, err
	}
	l, err := t.Listen(ctx, loopback)
	if err != nil {
		return nil, err
	}
	return &listener{l.Addr(), func(ctx context.Context) (conn, error) {
		link, err := l.Accept(ctx)
		if err != nil {
			return nil, err
		}
		return link.Accept(ctx)
	}}, nil
}

// dialStream opens a stream of a link.
func (p part) dialStream(ctx context.Context) (conn, error) {
	t, err := p.ownTransport()
	if err != nil {
		return nil, err
	}
	link, err := t.Dial(ctx, p.Peer, transport.PeerID{})
	if err != nil {
		return nil, err
	}
	return link.Open(ctx)
}

// ownTransport is a transport of a node that has no other use for its identity.
func (p part) ownTransport() (transport.Transport, error) {
	id, err := p.identity()
	if err != nil {
		return nil, err
	}
	return p.newTransport(id, overlay.Versions(), slog.New(slog.DiscardHandler))
}
