package quic_test

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/project-iris/iris/quic"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

// bulk sends blocks over one stream.
func bulk(b *testing.B, size int, change func(*quic.Config)) {
	b.Helper()
	network := identitytest.NewNetwork(b, "bench")
	server := newTransport(b, network.Node(b), change)
	client := newTransport(b, network.Node(b), change)
	ctx := context.Background()
	listener, err := server.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	dialled, err := client.Dial(ctx, listener.Addr(), transport.PeerID{})
	if err != nil {
		b.Fatal(err)
	}
	accepted, err := listener.Accept(ctx)
	if err != nil {
		b.Fatal(err)
	}
	w, err := dialled.Open(ctx)
	if err != nil {
		b.Fatal(err)
	}
	block := make([]byte, size)
	if _, err := w.Write(block); err != nil {
		b.Fatal(err)
	}
	r, err := accepted.Accept(ctx)
	if err != nil {
		b.Fatal(err)
	}
	read := make(chan error, 1)
	go func() {
		_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, make([]byte, 64<<10))
		read <- err
	}()
	b.SetBytes(int64(size))
	for b.Loop() {
		if _, err := w.Write(block); err != nil {
			b.Fatal(err)
		}
	}
	_ = w.CloseWrite()
	if err := <-read; err != nil {
		b.Fatal(err)
	}
}

// BenchmarkWindow is where DefaultStreamWindow comes from.
func BenchmarkWindow(b *testing.B) {
	for _, window := range []int{128 << 10, 256 << 10, 512 << 10, 1 << 20, 2 << 20, 4 << 20, 8 << 20, 16 << 20} {
		b.Run(fmt.Sprintf("%dK", window>>10), func(b *testing.B) {
			bulk(b, 64<<10, func(c *quic.Config) { c.StreamWindow = window })
		})
	}
}

// BenchmarkWriteSize shows what larger writes give.
func BenchmarkWriteSize(b *testing.B) {
	for _, size := range []int{1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10} {
		b.Run(fmt.Sprintf("%dK", size>>10), func(b *testing.B) { bulk(b, size, func(*quic.Config) {}) })
	}
}

// BenchmarkGRO shows what reading with GRO gives.
func BenchmarkGRO(b *testing.B) {
	for _, off := range []bool{true, false} {
		name := "with"
		if off {
			name = "without"
		}
		b.Run(name, func(b *testing.B) { bulk(b, 64<<10, func(c *quic.Config) { c.NoGRO = off }) })
	}
}
