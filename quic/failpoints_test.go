//go:build failpoints && unix

package quic

import (
	"io"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/failpoint"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

// A system that has no buffers for every other packet slows a link, and ends none: all arrives.
func TestALinkOutlivesASystemWithoutBuffers(t *testing.T) {
	network := identitytest.NewNetwork(t, "failpoints")
	a, b := newTestTransport(t, network), newTestTransport(t, network)
	l, err := a.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	out, err := b.Dial(t.Context(), l.Addr(), transport.PeerID{})
	if err != nil {
		t.Fatal(err)
	}
	in, err := l.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var packets, refused atomic.Int64
	clear := failpoint.Set("write packet", func() error {
		if packets.Add(1)%2 == 0 {
			refused.Add(1)
			return syscall.ENOBUFS
		}
		return nil
	})
	defer clear()
	const size = 64 << 10
	sent := make(chan error, 1)
	go func() {
		s, err := out.Open(t.Context())
		if err == nil {
			_, err = s.Write(make([]byte, size))
		}
		if err == nil {
			err = s.CloseWrite()
		}
		sent <- err
	}()
	s, err := in.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, s); n != size || err != nil {
		t.Errorf("%d bytes arrive, %v", n, err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if refused.Load() == 0 {
		t.Error("no packet was refused: the test tests nothing")
	}
}
