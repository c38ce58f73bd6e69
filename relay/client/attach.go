package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/project-iris/iris/relay/wire"
	"github.com/project-iris/iris/transport/outbox"
)

// Connect attaches a plain client to the node: it can use every cluster and topic,
// and is a member of none.
//
// It fails with a [*DeniedError] if the node refuses, and with [ErrTimeout] if it
// says nothing until the context's deadline, or for [Config].Timeout without one.
// [Config].Reconnect changes nothing of that: it is for later.
func Connect(ctx context.Context, config Config) (*Conn, error) {
	return open(ctx, newConn("", Service{}, config.withDefaults()))
}

// Register attaches a member of a cluster, whose name must not be empty. The
// service may be called before Register returns: the connection that it returns can
// do all that a plain client's can.
//
// Errors are those of [Connect].
func Register(ctx context.Context, cluster string, service Service, config Config) (*Conn, error) {
	if cluster == "" {
		return nil, errors.New("register: the cluster has no name")
	}
	if err := checkName(cluster); err != nil {
		return nil, fmt.Errorf("register: %w", err)
	}
	return open(ctx, newConn(cluster, service, config.withDefaults()))
}

// open attaches for the first time.
func open(ctx context.Context, c *Conn) (*Conn, error) {
	if err := c.attach(ctx); err != nil {
		c.stop()
		return nil, err
	}
	if c.config.Reconnect {
		c.running.start(c.keep)
	}
	return c, nil
}

// attach makes a connection to the node, introduces the application, and begins to use the
// connection. Without a deadline of the context it takes [Config].Timeout at most.
func (c *Conn) attach(ctx context.Context) error {
	if _, ok := ctx.Deadline(); !ok {
		limited, cancel := context.WithTimeout(ctx, c.config.Timeout)
		defer cancel()
		ctx = limited
	}
	link, err := c.dial(ctx, c.config.Address)
	if err != nil {
		if ctx.Err() != nil {
			err = contextError(ctx)
		}
		return fmt.Errorf("connect to the node at %s: %w", c.config.Address, err)
	}
	a, err := c.greet(ctx, link)
	if err == nil {
		err = c.use(a)
	}
	if err != nil {
		return fmt.Errorf("attach to the node at %s: %w", c.config.Address, err)
	}
	return nil
}

// dialNode connects to a TCP port, or to a Unix socket.
func dialNode(ctx context.Context, address string) (net.Conn, error) {
	var d net.Dialer
	network := "tcp"
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	c, err := d.DialContext(ctx, network, address)
	if err == nil {
		outbox.LimitSocket(c, outbox.SendBuffer)
	}
	return c, err
}

// greet introduces the application over a fresh connection, which it closes if
// that fails.
func (c *Conn) greet(ctx context.Context, link net.Conn) (*attachment, error) {
	interrupt := context.AfterFunc(ctx, func() { _ = link.SetDeadline(time.Unix(1, 0)) })
	reader := wire.NewReader(link, wire.FromRelay, wire.Limits{Payload: max(c.config.MaxMessage, minFrame)})
	cluster := c.cluster
	if c.left.Load() {
		cluster = ""
	}
	err := introduce(link, reader, cluster)
	if !interrupt() {
		err = contextError(ctx)
	}
	if err != nil {
		_ = link.Close()
		return nil, err
	}
	return newAttachment(c, link, reader), nil
}

// introduce sends INIT and returns nil if the node accepts it.
func introduce(link net.Conn, reader *wire.Reader, cluster string) error {
	init := wire.Init{Version: []byte(wire.Version), Cluster: []byte(cluster)}
	if _, err := link.Write(init.Append(nil)); err != nil {
		return err
	}
	m, err := reader.Read()
	if err != nil {
		return dropped(err)
	}
	switch m := m.(type) {
	case *wire.Accept:
		if string(m.Version) != wire.Version {
			return fmt.Errorf("the node speaks %q, this client %q", m.Version, wire.Version)
		}
		return nil
	case *wire.Deny:
		return &DeniedError{Reason: string(m.Reason)}
	default:
		return fmt.Errorf("the node sent %v instead of INIT", m.Op())
	}
}

// use makes an attachment the current one. What the node has to know of before anything
// else, subscriptions for one, goes first. After Close it is dropped.
func (c *Conn) use(a *attachment) error {
	c.install.Lock()
	defer c.install.Unlock()
	if c.closing.Load() {
		_ = a.link.Close()
		return ErrClosed
	}
	if c.config.FailFast {
		a.askForFailFast()
	}
	c.topics.use(a)
	c.calls.accept()
	c.tunnels.accept()
	c.current.Store(a)
	a.run()
	return nil
}
