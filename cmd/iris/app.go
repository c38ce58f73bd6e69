package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"strconv"
	"syscall"

	"github.com/project-iris/iris/node"
	"github.com/project-iris/iris/relay/client"
)

// appFlags are the flags of the commands that attach to a node.
type appFlags struct {
	port int
}

func (f *appFlags) register(fs *flag.FlagSet) {
	fs.IntVar(&f.port, "port", node.DefaultPort, "TCP `port` that the node of this host has for applications")
}

func (f *appFlags) config() client.Config {
	return client.Config{Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(f.port))}
}

// connect attaches a plain client.
func (f *appFlags) connect(ctx context.Context, config client.Config) (*client.Conn, error) {
	conn, err := client.Connect(ctx, config)
	return conn, f.explain(err)
}

// serve attaches a member of a cluster.
func (f *appFlags) serve(ctx context.Context, cluster string, service client.Service) (*client.Conn, error) {
	conn, err := client.Register(ctx, cluster, service, f.config())
	return conn, f.explain(err)
}

// explain adds what to do to the error of an attach.
func (f *appFlags) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no node answers at port %d of this host: start one with iris -dev, or name its port with -port", f.port)
	}
	return fmt.Errorf("cannot attach to the node at port %d: %w", f.port, err)
}

// resilientFlags are the flags of the commands that serve or listen for long: they attach
// again when the node was away.
type resilientFlags struct {
	appFlags
	reconnect bool
}

func (f *resilientFlags) register(fs *flag.FlagSet) {
	f.appFlags.register(fs)
	fs.BoolVar(&f.reconnect, "reconnect", true, "attach again when the node was away; -reconnect=no ends with it")
}

// connect attaches a plain client.
func (f *resilientFlags) connect(ctx context.Context, p *program) (*client.Conn, error) {
	conn, err := client.Connect(ctx, f.config(p))
	return conn, f.explain(err)
}

// config returns how to attach. The user is told when the node goes and when it is back.
func (f *resilientFlags) config(p *program) client.Config {
	config := f.appFlags.config()
	config.Reconnect = f.reconnect
	config.Lost = func(reason error) {
		fmt.Fprintf(p.err, "iris: the node is gone (%v); attaching again when it is back\n", reason)
	}
	config.Restored = func() { fmt.Fprintln(p.err, "iris: attached again") }
	return config
}

// interruptible returns a context that ends with the first signal.
func (p *program) interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-p.signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// untilEnd waits for a signal, which is a good end, or for the node to go.
func untilEnd(ctx context.Context, conn *client.Conn) error {
	select {
	case <-ctx.Done():
		return nil
	case <-conn.Done():
		return fmt.Errorf("the node is gone: %w", conn.Err())
	}
}

// closing closes the connection at the end of a command, and keeps its error if
// there is none yet.
func closing(conn *client.Conn, err *error) {
	if closed := conn.Close(); *err == nil && closed != nil {
		*err = fmt.Errorf("closing the connection to the node: %w", closed)
	}
}
