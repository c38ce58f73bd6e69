package main

import (
	"context"
	"io"
	"log/slog"
	"testing"

	"github.com/project-iris/iris/node"
	"github.com/project-iris/iris/relay/client"
	"github.com/project-iris/iris/tcp"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

// contenders are the plugin, and the built-in TCP next to it.
var contenders = []struct {
	name   string
	create func(b *testing.B) node.NewTransport
}{
	{"tcp", func(*testing.B) node.NewTransport {
		return func(id *identity.Identity, versions transport.Versions, log *slog.Logger) (transport.Transport, error) {
			return tcp.New(tcp.Config{Identity: id, Versions: versions, Logger: log}), nil
		}
	}},
	{"websocket", func(b *testing.B) node.NewTransport { return overPlugin(b, nil) }},
}

// benchLink makes a link, and a stream on it.
func benchLink(b *testing.B, create node.NewTransport) (w, r transport.Stream) {
	b.Helper()
	network := identitytest.NewNetwork(b, "bench")
	var ends [2]transport.Transport
	for i := range ends {
		made, err := create(network.Node(b), transport.Versions{}, slog.New(slog.DiscardHandler))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = made.Close() })
		ends[i] = made
	}
	ctx := context.Background()
	listener, err := ends[1].Listen(ctx, "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	dialled, err := ends[0].Dial(ctx, listener.Addr(), transport.PeerID{})
	if err != nil {
		b.Fatal(err)
	}
	accepted, err := listener.Accept(ctx)
	if err != nil {
		b.Fatal(err)
	}
	if w, err = dialled.Open(ctx); err != nil {
		b.Fatal(err)
	}
	if _, err := w.Write([]byte{0}); err != nil {
		b.Fatal(err)
	}
	if r, err = accepted.Accept(ctx); err != nil {
		b.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 1)); err != nil {
		b.Fatal(err)
	}
	return w, r
}

// BenchmarkBulk is one stream of writes of 64 KiB, to the last byte read.
func BenchmarkBulk(b *testing.B) {
	const block = 64 << 10
	for _, c := range contenders {
		b.Run(c.name, func(b *testing.B) {
			w, r := benchLink(b, c.create(b))
			b.SetBytes(block)
			read := make(chan int64, 1)
			go func() {
				n, _ := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, make([]byte, block))
				read <- n
			}()
			message := make([]byte, block)
			count := int64(0)
			for b.Loop() {
				if _, err := w.Write(message); err != nil {
					b.Fatal(err)
				}
				count++
			}
			if err := w.CloseWrite(); err != nil {
				b.Fatal(err)
			}
			if got := <-read; got != count*block {
				b.Fatalf("%d bytes of %d arrived", got, count*block)
			}
		})
	}
}

// BenchmarkRequest is one request after the other, of 128 bytes, from an application of
// one node to a service of another.
func BenchmarkRequest(b *testing.B) {
	for _, c := range contenders {
		b.Run(c.name, func(b *testing.B) {
			key := identity.Generate()
			first, here := startNode(b, key, c.create(b))
			_, there := startNode(b, key, c.create(b), first.PeerAddr())
			ctx := context.Background()
			member, err := client.Register(ctx, "echo", client.Service{
				Request: func(_ context.Context, body []byte) ([]byte, error) { return body, nil },
			}, there)
			if err != nil {
				b.Fatal(err)
			}
			defer member.Close()
			caller, err := client.Connect(ctx, here)
			if err != nil {
				b.Fatal(err)
			}
			defer caller.Close()
			body := make([]byte, 128)
			request := func() {
				if _, err := caller.Request(ctx, "echo", body); err != nil {
					b.Fatal(err)
				}
			}
			request() // when this is answered, the nodes know each other
			for b.Loop() {
				request()
			}
		})
	}
}
