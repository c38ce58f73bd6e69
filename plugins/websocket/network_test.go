package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/project-iris/iris/node"
	"github.com/project-iris/iris/plugins"
	"github.com/project-iris/iris/relay/client"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
)

// startNode starts a node that has one transport.
func startNode(t testing.TB, key *identity.NetworkKey, create node.NewTransport, join ...string) (*node.Node, client.Config) {
	t.Helper()
	n, err := node.Start(node.Config{
		Network: "net", Key: key, Bind: "127.0.0.1:0", Join: join, Port: node.AnyPort,
		Transports: []node.NewTransport{create},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n, client.Config{Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(n.Port()))}
}

// overPlugin makes the plugin the transport of a node.
func overPlugin(t testing.TB, options map[string]string) node.NewTransport {
	t.Helper()
	path := program(t)
	return func(id *identity.Identity, versions transport.Versions, log *slog.Logger) (transport.Transport, error) {
		return plugins.New(plugins.Config{
			Path: path, Name: "websocket", Identity: id, Versions: versions, Logger: log,
			Options: options,
		})
	}
}

// Two nodes with nothing but the plugin, and its outer TLS, serve requests, events and
// tunnels.
func TestTwoNodesOverThePluginAlone(t *testing.T) {
	cert, certKey := certificate(t, "gate.example")
	options := map[string]string{"path": "/iris", "cert": cert, "key": certKey, "ca": cert, "name": "gate.example"}
	key := identity.Generate()
	first, here := startNode(t, key, overPlugin(t, options))
	_, there := startNode(t, key, overPlugin(t, options), first.PeerAddr())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	received := make(chan []byte, 1)
	member, err := client.Register(ctx, "files", client.Service{
		Request: func(_ context.Context, body []byte) ([]byte, error) { return append([]byte("got "), body...), nil },
		Tunnel: func(t *client.Tunnel) {
			all, _ := io.ReadAll(t)
			received <- all
		},
	}, there)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = member.Close() })
	caller, err := client.Connect(ctx, here)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = caller.Close() })

	if got, err := caller.Request(ctx, "files", []byte("it")); err != nil || string(got) != "got it" {
		t.Fatalf("request: %q, %v", got, err)
	}
	expectEvents(ctx, t, caller, member)

	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	tunnel, err := caller.Tunnel(ctx, "files")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tunnel.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := tunnel.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-received:
		if !bytes.Equal(got, content) {
			t.Errorf("%d bytes of %d came through the tunnel", len(got), len(content))
		}
	case <-ctx.Done():
		t.Error("nothing came through the tunnel")
	}
}

// expectEvents publishes until the subscriber gets what is published: a subscription takes
// a moment to be known elsewhere.
func expectEvents(ctx context.Context, t *testing.T, publisher, subscriber *client.Conn) {
	t.Helper()
	came := make(chan string, 1000)
	if _, err := subscriber.Subscribe(ctx, "news", func(event []byte) { came <- string(event) }); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := publisher.Publish(ctx, "news", []byte("it rains")); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-came:
			if got != "it rains" {
				t.Errorf("event %q", got)
			}
			return
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("no event came")
		}
	}
}
