package quic_test

import (
	"context"
	"errors"
	"testing"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/project-iris/iris/quic"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/hello"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

// Peers that hold the network key and misbehave. Each row is one; after each,
// a link that was there before still works, and new ones come up.
func TestAHostilePeerCostsItsOwnLinkOnly(t *testing.T) {
	network := identitytest.NewNetwork(t, "hostile")
	rows := []struct {
		name    string
		act     func(t *testing.T, h *host, conn *quicgo.Conn)
		refused error // nil if it does not begin with a bad hello
	}{
		{"says nothing", func(*testing.T, *host, *quicgo.Conn) {}, transport.ErrNetwork},
		{"says garbage", garbage, transport.ErrProtocol},
		{"claims a large hello", largeHello, transport.ErrProtocol},
		{"says hello a byte at a time, and no end", endlessHello, transport.ErrNetwork},
		{"goes away before the hello", goesAway, transport.ErrPeerClosed},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t, network)
			good := mustDial(t, h, network)
			goodEnd := h.accept(t)
			conn, err := quicgo.DialAddr(t.Context(), h.listener.Addr(), network.Impostor(t), rawConfig())
			if err != nil {
				t.Fatal(err)
			}
			row.act(t, h, conn)
			if err := h.log.refusal(t); !errors.Is(err, row.refused) {
				t.Errorf("refused with %v; want %v", err, row.refused)
			}
			<-conn.Context().Done()
			h.expectNoLink(t)
			expectWorks(t, good, goodEnd)
			expectWorks(t, mustDial(t, h, network), h.accept(t))
		})
	}
}

func garbage(t *testing.T, _ *host, conn *quicgo.Conn) {
	s := mustOpenRaw(t, conn)
	_, _ = s.Write([]byte("\x00\x02GET / HTTP/1.1\r\n\r\n"))
	_ = s.Close()
}

func largeHello(t *testing.T, _ *host, conn *quicgo.Conn) {
	_, _ = mustOpenRaw(t, conn).Write([]byte{0xff, 0xff})
}

func endlessHello(t *testing.T, _ *host, conn *quicgo.Conn) {
	s := mustOpenRaw(t, conn)
	_, _ = s.Write([]byte{hello.MaxSize >> 8, hello.MaxSize & 0xff})
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if _, err := s.Write([]byte{0}); err != nil {
				return
			}
		case <-conn.Context().Done():
			return
		}
	}
}

func goesAway(_ *testing.T, _ *host, conn *quicgo.Conn) { _ = conn.CloseWithError(7, "never mind") }

// TestStreamsWithoutEndAreBounded has a peer open streams and fill them while
// nobody accepts any.
func TestStreamsWithoutEndAreBounded(t *testing.T) {
	network := identitytest.NewNetwork(t, "hostile")
	h := newHost(t, network)
	good := mustDial(t, h, network)
	goodEnd := h.accept(t)
	conn := mustKnock(t, h, network.Impostor(t))
	victim := h.accept(t)

	streams, sent, full := 0, 0, false
	block := make([]byte, 64<<10)
	for streams <= 2*quic.DefaultMaxStreams {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second) // waited out once, at the limit
		s, err := conn.OpenStreamSync(ctx)
		cancel()
		if err != nil {
			break
		}
		streams++
		if full {
			continue
		}
		_ = s.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		n, _ := s.Write(block)
		sent += n
		full = n < 2048 // quic-go takes that much before it asks for credit
	}
	if streams < transport.MinStreams || streams > quic.DefaultMaxStreams {
		t.Errorf("the peer opened %d streams, the limit is %d", streams, quic.DefaultMaxStreams)
	}
	if limit := quic.DefaultLinkWindow + quic.DefaultMaxStreams*2048; sent > limit {
		t.Errorf("the peer has sent %d bytes that nobody reads, the limit is about %d", sent, limit)
	}
	if err := victim.Context().Err(); err != nil {
		t.Errorf("a peer that keeps the rules lost its link: %v", context.Cause(victim.Context()))
	}
	expectWorks(t, good, goodEnd)
}

func mustDial(t *testing.T, h *host, network *identitytest.Network) transport.Link {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	l, err := newTransport(t, network.Node(t)).Dial(ctx, h.listener.Addr(), transport.PeerID{})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func mustOpenRaw(t *testing.T, conn *quicgo.Conn) *quicgo.Stream {
	t.Helper()
	s, err := conn.OpenStreamSync(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func expectWorks(t *testing.T, a, b transport.Link) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := a.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Reset(0)
	if _, err := s.Write([]byte("ping")); err != nil {
		t.Fatal(err)
	}
	accepted, err := b.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Reset(0)
	got := make([]byte, 4)
	if _, err := accepted.Read(got); err != nil || string(got) != "ping" {
		t.Fatalf("read %q, %v", got, err)
	}
}
