package client

import (
	"context"
	"io"
	"sync/atomic"
	"testing"
)

// benchConn attaches to an echoNode over TCP.
func benchConn(b *testing.B, service Service) *Conn {
	node := newEchoNode(b)
	c := must(Register(b.Context(), "echo", service, Config{Address: node.address}))
	b.Cleanup(func() { _ = c.Close() })
	return c
}

// One allocation: the reply, which is the caller's to keep.
func BenchmarkRequest(b *testing.B) {
	c := benchConn(b, Service{})
	body := make([]byte, 100)
	b.Run("one after the other", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			must(c.Request(b.Context(), "node", body))
		}
	})
	b.Run("64 at a time", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				must(c.Request(b.Context(), "node", body))
			}
		})
	})
}

// The service's side comes in addition: the body, which is the handler's to keep, its
// context with a timer, and a goroutine for each burst.
func BenchmarkServe(b *testing.B) {
	c := benchConn(b, Service{Request: func(_ context.Context, body []byte) ([]byte, error) { return body, nil }})
	body := make([]byte, 100)
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			must(c.Request(b.Context(), "echo", body))
		}
	})
}

func BenchmarkPublish(b *testing.B) {
	c := benchConn(b, Service{})
	event := make([]byte, 100)
	got := make(chan struct{}, 1)
	var missing atomic.Int64
	must(c.Subscribe(b.Context(), "t", func([]byte) {
		if missing.Add(-1) == 0 {
			got <- struct{}{}
		}
	}))
	b.ReportAllocs()
	b.ResetTimer()
	for sent := 0; sent < b.N; { // in rounds that fit into the queue of the subscription
		round := min(b.N-sent, 10_000)
		missing.Store(int64(round))
		for range round {
			_ = c.Publish(b.Context(), "t", event)
		}
		<-got
		sent += round
	}
}

func BenchmarkTunnel(b *testing.B) {
	c := benchConn(b, Service{Tunnel: func(t *Tunnel) { _, _ = io.Copy(io.Discard, t) }})
	for name, size := range map[string]int{"100 bytes": 100, "64 KiB": 64 << 10, "1 MiB": 1 << 20} {
		b.Run(name, func(b *testing.B) {
			t := must(c.Tunnel(b.Context(), "echo"))
			m := make([]byte, size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if err := t.Send(b.Context(), m); err != nil {
					b.Fatal(err)
				}
			}
			_ = t.Close()
		})
	}
}
