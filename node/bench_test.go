package node_test

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/project-iris/iris/node"
	"github.com/project-iris/iris/relay/client"
	"github.com/project-iris/iris/transport/identity"
)

// startNode starts a node on a free port and returns how to attach to it.
func startNode(tb testing.TB) (*node.Node, client.Config) {
	tb.Helper()
	n, err := node.Start(node.Config{Network: "test", Key: identity.Generate(), Port: node.AnyPort})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(n.Close)
	return n, client.Config{Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(n.Port()))}
}

// connect attaches a plain client.
func connect(tb testing.TB, config client.Config) *client.Conn {
	tb.Helper()
	conn, err := client.Connect(context.Background(), config)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	return conn
}

// register attaches a member of a cluster.
func register(tb testing.TB, config client.Config, cluster string, service client.Service) *client.Conn {
	tb.Helper()
	conn, err := client.Register(context.Background(), cluster, service, config)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	return conn
}

// BenchmarkRequest asks a service on the same node, from application to application
// over loopback TCP. Allocations are those of all three, the node and both bindings.
func BenchmarkRequest(b *testing.B) {
	for _, inFlight := range []int{1, 16, 128} {
		b.Run(fmt.Sprintf("flight=%d", inFlight), func(b *testing.B) {
			_, config := startNode(b)
			register(b, config, "echo", client.Service{
				Request: func(_ context.Context, body []byte) ([]byte, error) { return body, nil },
			})
			caller := connect(b, config)
			body := make([]byte, 128)
			var next atomic.Int64
			b.ReportAllocs()
			b.ResetTimer()
			var callers sync.WaitGroup
			for range inFlight {
				callers.Go(func() {
					for next.Add(1) <= int64(b.N) {
						if _, err := caller.Request(context.Background(), "echo", body); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			callers.Wait()
		})
	}
}

// BenchmarkPublish sends events to subscribers on the same node. An operation is one
// event that all of them have got.
func BenchmarkPublish(b *testing.B) {
	for _, subscribers := range []int{1, 8} {
		b.Run(fmt.Sprintf("subscribers=%d", subscribers), func(b *testing.B) {
			_, config := startNode(b)
			var got sync.WaitGroup
			got.Add(subscribers * b.N)
			ctx := context.Background()
			for range subscribers {
				sub := connect(b, config)
				if _, err := sub.Subscribe(ctx, "news", func([]byte) { got.Done() }); err != nil {
					b.Fatal(err)
				}
				barrier(b, sub)
			}
			publisher := connect(b, config)
			event := make([]byte, 128)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				if err := publisher.Publish(ctx, "news", event); err != nil {
					b.Fatal(err)
				}
			}
			got.Wait()
		})
	}
}

// barrier returns when the node has handled all that a connection has sent: it
// subscribes to a topic that nobody else knows and waits for its own event.
func barrier(tb testing.TB, conn *client.Conn) {
	tb.Helper()
	ctx := context.Background()
	came := make(chan struct{}, 1)
	topic := fmt.Sprintf("barrier %p", conn)
	sub, err := conn.Subscribe(ctx, topic, func([]byte) { came <- struct{}{} })
	if err != nil {
		tb.Fatal(err)
	}
	if err := conn.Publish(ctx, topic, nil); err != nil {
		tb.Fatal(err)
	}
	<-came
	sub.Unsubscribe()
}

// BenchmarkTunnel sends bytes to a member on the same node.
func BenchmarkTunnel(b *testing.B) {
	_, config := startNode(b)
	const size = 64 << 10
	done := make(chan int)
	register(b, config, "sink", client.Service{Tunnel: func(t *client.Tunnel) {
		buf := make([]byte, size)
		sum := 0
		for {
			n, err := t.Read(buf)
			sum += n
			if err != nil {
				done <- sum
				return
			}
		}
	}})
	t, err := connect(b, config).Tunnel(context.Background(), "sink")
	if err != nil {
		b.Fatal(err)
	}
	chunk := make([]byte, size)
	b.SetBytes(size)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := t.Write(chunk); err != nil {
			b.Fatal(err)
		}
	}
	if err := t.Close(); err != nil {
		b.Fatal(err)
	}
	if got := <-done; got != b.N*size {
		b.Fatalf("%d bytes arrived of %d", got, b.N*size)
	}
}
