package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/project-iris/iris/relay/wire"
)

// Connect attaches a plain client to the node: it can use every cluster and topic,
// and is a member of none.
//
// It fails with a [*DeniedError] if the node refuses, and with [ErrTimeout] if it
// says nothing until the context's deadline, or for [Config].Timeout without one.
func Connect(ctx context.Context, config Config) (*Conn, error) {
	return dial(ctx, "", Service{}, config)
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
	return dial(ctx, cluster, service, config)
}

func dial(ctx context.Context, cluster string, service Service, config Config) (*Conn, error) {
	config = config.withDefaults()
	if _, ok := ctx.Deadline(); !ok {
		limited, cancel := context.WithTimeout(ctx, config.Timeout)
		defer cancel()
		ctx = limited
	}
	var dialer net.Dialer
	link, err := dialer.DialContext(ctx, "tcp", config.Address)
	if err != nil {
		if ctx.Err() != nil {
			err = contextError(ctx)
		}
		return nil, fmt.Errorf("connect to the node at %s: %w", config.Address, err)
	}
	c, err := attach(ctx, link, cluster, service, config)
	if err != nil {
		return nil, fmt.Errorf("attach to the node at %s: %w", config.Address, err)
	}
	return c, nil
}

// attach introduces the application over a fresh connection, which it closes if
// that fails. The configuration has its defaults.
func attach(ctx context.Context, link net.Conn, cluster string, service Service, config Config) (*Conn, error) {
	interrupt := context.AfterFunc(ctx, func() { _ = link.SetDeadline(time.Unix(1, 0)) })
	reader := wire.NewReader(link, wire.FromRelay, wire.Limits{Payload: max(config.MaxMessage, minFrame)})
	err := introduce(link, reader, cluster)
	if !interrupt() {
		err = contextError(ctx)
	}
	if err != nil {
		_ = link.Close()
		return nil, err
	}
	c := newConn(link, reader, service, config)
	c.cluster = cluster
	c.running.start(c.read)
	c.running.start(c.write)
	return c, nil
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
