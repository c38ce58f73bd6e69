package load

import (
	"context"
	"net"
	"strconv"

	"github.com/project-iris/iris/relay/client"
)

// Iris attaches applications to nodes of Iris.
type Iris struct{}

var _ System = Iris{}

func irisConfig(port int) client.Config {
	return client.Config{Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}
}

// Connect attaches a plain client.
func (Iris) Connect(ctx context.Context, port int) (Conn, error) {
	conn, err := client.Connect(ctx, irisConfig(port))
	if err != nil {
		return nil, err
	}
	return irisConn{conn}, nil
}

// Serve attaches a member of a cluster.
func (Iris) Serve(ctx context.Context, port int, cluster string, service Service) (Conn, error) {
	var functions client.Service
	if service.Request != nil {
		functions.Request = func(_ context.Context, body []byte) ([]byte, error) { return service.Request(body), nil }
	}
	functions.Broadcast = service.Broadcast
	if service.Tunnel != nil {
		functions.Tunnel = func(t *client.Tunnel) { service.Tunnel(t) }
	}
	conn, err := client.Register(ctx, cluster, functions, irisConfig(port))
	if err != nil {
		return nil, err
	}
	return irisConn{conn}, nil
}

// irisConn is the binding, but for the types of what two methods return.
type irisConn struct{ *client.Conn }

func (c irisConn) Subscribe(ctx context.Context, topic string, handle func([]byte)) error {
	_, err := c.Conn.Subscribe(ctx, topic, handle)
	return err
}

func (c irisConn) Tunnel(ctx context.Context, cluster string) (Tunnel, error) {
	t, err := c.Conn.Tunnel(ctx, cluster)
	if err != nil {
		return nil, err
	}
	return t, nil
}
