package forward

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"time"

	"github.com/project-iris/iris/relay/client"
	"github.com/project-iris/iris/transport/backoff"
)

// Forwarder listens, and carries each connection to a member of a cluster.
type Forwarder struct {
	config   Config
	name     string
	listener net.Listener
	conns    *connections
}

// Listen makes a forwarder to a name. Those who connect wait until Run. A Unix socket that
// nobody listens at any more is replaced.
func Listen(address Address, name string, config Config) (*Forwarder, error) {
	config = config.withDefaults()
	l, err := net.Listen(address.Network, address.Text)
	if err != nil && address.Network == "unix" && abandoned(address.Text) {
		_ = os.Remove(address.Text) // what is in the way then, Listen says
		l, err = net.Listen(address.Network, address.Text)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen at %v: %w", address, cause(err))
	}
	config.Logger = config.Logger.With("cluster", name, "listen", address.String())
	return &Forwarder{config: config, name: name, listener: l, conns: newConnections(config)}, nil
}

// abandoned reports whether a file is a socket that nobody listens at.
func abandoned(path string) bool {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Type() != fs.ModeSocket {
		return false
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		_ = c.Close()
	}
	return err != nil
}

// cause is the reason in an error of package net, without the address.
func cause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		err = call.Err
	}
	return err
}

// Addr is where it listens.
func (f *Forwarder) Addr() net.Addr { return f.listener.Addr() }

// Stats returns the counters.
func (f *Forwarder) Stats() Stats { return f.conns.stats() }

// Close is for a forwarder that was never run.
func (f *Forwarder) Close() { _ = f.listener.Close() }

// Run accepts connections until the context ends, and returns nil then, or with
// [ErrNodeGone] when the connection to the node has ended. What is connected goes on:
// Drain ends it. Run is called once.
func (f *Forwarder) Run(ctx context.Context, node *client.Conn) error {
	accepting, stop := context.WithCancel(ctx)
	var closing sync.WaitGroup
	closing.Go(func() {
		select {
		case <-node.Done():
		case <-accepting.Done():
		}
		f.Close()
	})
	f.accept(accepting, node)
	stop()
	closing.Wait()
	if ctx.Err() == nil && node.Err() != nil {
		return fmt.Errorf("%w: %w", ErrNodeGone, node.Err())
	}
	return nil
}

// accept serves connections until the listener is closed. A host that is out of file
// descriptors, or the like, is waited for.
func (f *Forwarder) accept(ctx context.Context, node *client.Conn) {
	tries := backoff.Backoff{Least: 5 * time.Millisecond, Most: time.Second}
	for {
		conn, err := f.listener.Accept()
		switch {
		case err == nil:
			tries.Reset()
			f.conns.running.Go(func() { f.serve(node, conn) })
			continue
		case errors.Is(err, net.ErrClosed):
			return
		}
		wait := tries.Next()
		if tries.First() {
			f.config.Logger.Warn("cannot accept connections; trying again (too many open files? raise ulimit -n)", "err", err)
		}
		if !pause(ctx, wait) {
			return
		}
	}
}

// Drain waits until all connections are over, and resets those that are left when the
// context ends: with [ErrCutOff] then. It is called once, after Run.
func (f *Forwarder) Drain(ctx context.Context) error { return f.conns.drain(ctx) }

// serve joins a connection to a stream.
func (f *Forwarder) serve(node *client.Conn, conn net.Conn) {
	near := socket(conn)
	if !f.conns.enter() {
		_ = near.Reset("")
		return
	}
	defer f.conns.exit()
	stream, err := dial(f.conns.ctx, node, f.name, conn.RemoteAddr(), f.config.DialTimeout)
	if err != nil {
		_ = near.Reset("")
		f.conns.fail("connection refused", err)
		return
	}
	f.conns.opened.Add(1)
	f.conns.end(f.conns.join(f.conns.ctx, near, stream))
}

// Forward carries one connection, which it closes.
func Forward(ctx context.Context, node *client.Conn, name string, conn End, config Config) error {
	config = config.withDefaults()
	stream, err := dial(ctx, node, name, nil, config.DialTimeout)
	if err != nil {
		_ = conn.Close()
		return err
	}
	return newConnections(config).join(ctx, conn, stream)
}
