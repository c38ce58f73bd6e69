package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/overlay/discovery"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/choose"
)

// cluster is what the application that answers serves.
const cluster = "ladder"

// patience is how long a request may take.
const patience = 10 * time.Second

// serveOverlay is a node without a relay: its application says frames, the ids of which are
// those of requests.
func (p part) serveOverlay(ctx context.Context) error {
	o, addr, err := p.startOverlay(ctx)
	if err != nil {
		return err
	}
	defer o.Close()
	apps, err := net.Listen("tcp", loopback)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, readyLine, apps.Addr(), addr)
	if p.Role == firstNode {
		finder := discovery.Start(discovery.Config{
			Network: o.Network(), Sources: []discovery.Source{&discovery.Join{Addr: p.Peer}}, Logger: slog.New(slog.DiscardHandler),
		})
		defer finder.Close()
	}
	app, err := apps.Accept()
	if err != nil {
		return err
	}
	if p.Role == firstNode {
		return serveAsker(o, app)
	}
	return serveEcho(o, app)
}

// startOverlay starts an overlay as package node does, and returns where others reach it.
func (p part) startOverlay(ctx context.Context) (*overlay.Overlay, string, error) {
	id, err := p.identity()
	if err != nil {
		return nil, "", err
	}
	log := slog.New(slog.DiscardHandler)
	own, err := p.newTransport(id, overlay.Versions(), log)
	if err != nil {
		return nil, "", err
	}
	t, err := choose.New(choose.Config{Transports: []transport.Transport{own}, Logger: log})
	if err != nil {
		return nil, "", err
	}
	l, err := t.Listen(ctx, loopback)
	if err != nil {
		return nil, "", err
	}
	o := overlay.New(overlay.Config{})
	return o, l.Addr(), o.Connect(overlay.Network{
		Self: id.ID(), Transport: t, Listener: l, Address: l.Addr(),
		Secret: id.Secrets("directory names")[0], PacketSecrets: id.Secrets("packets"), Logger: log,
	})
}

// serveAsker has the requests of an application answered.
func serveAsker(o *overlay.Overlay, app net.Conn) error {
	a := &frameApp{out: app}
	m, err := o.Attach(nil, a)
	if err != nil {
		return err
	}
	defer m.Close()
	for r := newFrameReader(app); ; {
		id, body, err := r.next()
		if err != nil {
			return err
		}
		m.Request(id, []byte(cluster), body, patience)
	}
}

// serveEcho has an application answer requests.
func serveEcho(o *overlay.Overlay, app net.Conn) error {
	m, err := o.Attach([]byte(cluster), &frameApp{out: app})
	if err != nil {
		return err
	}
	defer m.Close()
	for r := newFrameReader(app); ; {
		id, body, err := r.next()
		if err != nil {
			return err
		}
		m.Reply(id, true, body)
	}
}

// frameApp is an application of an overlay, to which whoever has something for it writes: one
// request under way always fits into the connection's buffer, so nobody has to wait.
type frameApp struct {
	mu    sync.Mutex
	out   net.Conn
	frame []byte
}

var errNotServed = errors.New("the chain has requests only")

func (a *frameApp) write(id uint64, body []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.frame = appendFrame(a.frame[:0], id, body)
	_, err := a.out.Write(a.frame)
	return err
}

// HandleRequest hands a request to the application that answers.
func (a *frameApp) HandleRequest(id uint64, body []byte, _ time.Duration) error {
	return a.write(id, body)
}

// HandleReply hands a reply to the application that asks, which sees for itself when there
// is none.
func (a *frameApp) HandleReply(id uint64, reply []byte) { _ = a.write(id, reply) }

// HandleFault and HandleTimeout end the connection: the application has no answer to get.
func (a *frameApp) HandleFault(uint64, []byte) { _ = a.out.Close() }

// HandleTimeout is as HandleFault.
func (a *frameApp) HandleLimit(error)    {}
func (a *frameApp) HandleTimeout(uint64) { _ = a.out.Close() }

// HandleBroadcast is never called.
func (a *frameApp) HandleBroadcast([]byte) {}

// HandleEvent is never called.
func (a *frameApp) HandleEvent(_, _ []byte) {}

// HandleTunnel refuses.
func (a *frameApp) HandleTunnel(context.Context, overlay.Stream) error { return errNotServed }
