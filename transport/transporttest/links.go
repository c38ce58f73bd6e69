package transporttest

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/transport"
)

func testIntroduction(t *testing.T, p *pair) {
	a, b := p.connect(t)
	if a.Peer() != p.BID || b.Peer() != p.AID {
		t.Errorf("peers %s and %s; want %s and %s", a.Peer(), b.Peer(), p.BID, p.AID)
	}
	for _, l := range []transport.Link{a, b} {
		if l.LocalAddr() == "" || l.RemoteAddr() == "" {
			t.Errorf("addresses %q and %q", l.LocalAddr(), l.RemoteAddr())
		}
		if err := l.Context().Err(); err != nil {
			t.Errorf("the context of a link that is up: %v", err)
		}
	}
	if !strings.Contains(p.listener.Addr(), a.RemoteAddr()) { // which may be a list of addresses
		t.Errorf("dialled %q, linked to %q", p.listener.Addr(), a.RemoteAddr())
	}
	if scheme := p.A.Scheme(); scheme == "" || scheme != p.B.Scheme() || scheme != strings.ToLower(scheme) {
		t.Errorf("schemes %q and %q", scheme, p.B.Scheme())
	}
}

func testCloseReasons(t *testing.T, p *pair) {
	long := strings.Repeat("ä", transport.MaxReason)
	rows := []struct {
		name   string
		cause  error
		code   transport.Code
		reason string
	}{
		{"good order", nil, transport.CodeNone, ""},
		{"an error", errors.New("disk full"), transport.CodeInternal, "disk full"},
		{"a code", &transport.ClosedError{Code: transport.CodeUser + 1, Reason: "drained"}, transport.CodeUser + 1, "drained"},
		{"a long reason", errors.New(long), transport.CodeInternal, long[:transport.MaxReason]},
	}
	for _, row := range rows {
		a, b := p.connect(t)
		opened, accepted := openStream(t, a, b)
		if err := a.Close(row.cause); err != nil {
			t.Errorf("%s: close: %v", row.name, err)
		}
		if err := a.Close(errors.New("again")); err != nil {
			t.Errorf("%s: close again: %v", row.name, err)
		}
		waitFor(t, "own context", a.Context().Done())
		expectError(t, row.name+": own cause", context.Cause(a.Context()), transport.ErrClosed)
		if row.cause != nil {
			expectError(t, row.name+": own cause", context.Cause(a.Context()), row.cause)
		}
		waitFor(t, "peer's context", b.Context().Done())
		expectClosed(t, row.name+": peer's cause", context.Cause(b.Context()), row.code, row.reason)
		expectClosed(t, row.name+": peer's read", readError(accepted), row.code, row.reason)
		expectClosed(t, row.name+": peer's write", writeError(accepted), row.code, row.reason)
		expectError(t, row.name+": own read", readError(opened), transport.ErrClosed)
		expectError(t, row.name+": own write", writeError(opened), transport.ErrClosed)
		expectError(t, row.name+": own datagram", a.SendDatagram([]byte{1}), transport.ErrClosed)
		expectError(t, row.name+": peer's datagram", b.SendDatagram([]byte{1}), transport.ErrPeerClosed)
	}
}

func expectClosed(t *testing.T, what string, err error, code transport.Code, reason string) {
	t.Helper()
	closed, ok := errors.AsType[*transport.ClosedError](err)
	if !ok || closed.Code != code || closed.Reason != reason || !errors.Is(err, transport.ErrPeerClosed) {
		t.Errorf("%s: %v; want closed by the peer with code %#x and reason %q", what, err, uint32(code), reason)
	}
}

// testCloseWhileBusy closes a link on which every kind of call waits or works,
// and expects all of them to return, each with the cause of its side.
func testCloseWhileBusy(t *testing.T, p *pair) {
	a, b := p.connect(t)
	var g group
	var started group
	busy := func(side string, want error, call func() error) {
		started.Add(1)
		g.Go(func() {
			started.Done()
			expectError(t, side, call(), want)
		})
	}
	type side struct {
		name                      string
		link                      transport.Link
		want                      error
		writing, reading, drained transport.Stream
	}
	sides := []*side{
		{name: "own", link: a, want: transport.ErrClosed},
		{name: "peer's", link: b, want: transport.ErrPeerClosed},
	}
	for i, s := range sides {
		s.writing, sides[1-i].drained = openStream(t, s.link, sides[1-i].link)
		s.reading, _ = openStream(t, s.link, sides[1-i].link)
	}
	for _, s := range sides {
		busy(s.name+" write", s.want, func() error { return writeError(s.writing) })
		busy(s.name+" read", s.want, func() error { return readError(s.reading) })
		busy(s.name+" accept", s.want, func() error { _, err := s.link.Accept(t.Context()); return err })
		busy(s.name+" receive", s.want, func() error { _, err := s.link.ReceiveDatagram(t.Context()); return err })
		busy(s.name+" open", s.want, func() error {
			for {
				if _, err := s.link.Open(t.Context()); err != nil {
					return err
				}
			}
		})
		g.Go(func() { _, _ = io.CopyN(io.Discard, s.drained, 1<<20) })
	}
	started.wait(t, "start")
	_ = a.Close(nil)
	g.wait(t, "calls on a closed link")
}

func testContexts(t *testing.T, p *pair) {
	a, _ := p.connect(t)
	ctx, cancel := context.WithCancel(t.Context())
	var g group
	wait := func(what string, call func() error) {
		g.Go(func() { expectError(t, what, call(), context.Canceled) })
	}
	wait("accept a stream", func() error { _, err := a.Accept(ctx); return err })
	wait("receive a datagram", func() error { _, err := a.ReceiveDatagram(ctx); return err })
	wait("accept a link", func() error { _, err := p.listener.Accept(ctx); return err })
	cancel()
	g.wait(t, "calls with a cancelled context")

	_, err := p.A.Dial(ctx, p.listener.Addr(), p.BID)
	expectError(t, "dial", err, context.Canceled)
	if err := a.Context().Err(); err != nil {
		t.Errorf("the link ended with a call's context: %v", context.Cause(a.Context()))
	}
}

func testWrongPeer(t *testing.T, p *pair) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	other := p.BID
	other[0] ^= 1
	_, err := p.A.Dial(ctx, p.listener.Addr(), other)
	expectError(t, "dial", err, transport.ErrWrongPeer)
	if wrong, ok := errors.AsType[*transport.WrongPeerError](err); !ok || wrong.Want != other || wrong.Got != p.BID {
		t.Errorf("dial: %v; want both ids", err)
	}
	expectNoLink(t, p.listener)

	link, err := p.A.Dial(ctx, p.listener.Addr(), transport.PeerID{})
	if err != nil {
		t.Fatalf("dial any peer: %v", err)
	}
	if link.Peer() != p.BID {
		t.Errorf("dial any peer: reached %s", link.Peer())
	}
}

func expectNoLink(t *testing.T, listener transport.Listener) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := listener.Accept(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("accept after a refused dial: %v; want nothing", err)
	}
}

func testSelf(t *testing.T, p *pair) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := p.B.Dial(ctx, p.listener.Addr(), transport.PeerID{})
	expectError(t, "dial oneself", err, transport.ErrSelf)
	expectError(t, "dial oneself", err, transport.ErrRefused)
	expectNoLink(t, p.listener)
}

func testNobody(t *testing.T, p *pair) {
	addr := p.listener.Addr()
	if err := p.listener.Close(); err != nil {
		t.Fatalf("close listener: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := p.A.Dial(ctx, addr, p.BID)
	if !errors.Is(err, transport.ErrNetwork) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("dial where nobody listens: %v", err)
	}
}

// testManyDials dials from many goroutines at once, as the nodes of a network
// do when one comes back.
func testManyDials(t *testing.T, p *pair) {
	const dials = 100
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var g group
	for range dials {
		g.Go(func() {
			if _, err := p.A.Dial(ctx, p.listener.Addr(), p.BID); err != nil {
				t.Errorf("dial: %v", err)
			}
		})
		g.Go(func() {
			if _, err := p.listener.Accept(ctx); err != nil {
				t.Errorf("accept: %v", err)
			}
		})
	}
	g.wait(t, "dials")
}

func testListenerClose(t *testing.T, p *pair) {
	a, b := p.connect(t)
	var g group
	g.Go(func() {
		_, err := p.listener.Accept(t.Context())
		expectError(t, "accept that waits", err, transport.ErrClosed)
	})
	if err := p.listener.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := p.listener.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
	g.wait(t, "accept")
	_, err := p.listener.Accept(t.Context())
	expectError(t, "accept after close", err, transport.ErrClosed)
	openStream(t, a, b)
}

func testTransportClose(t *testing.T, p *pair) {
	a, b := p.connect(t)
	if err := p.B.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := p.B.Close(); err != nil {
		t.Errorf("close again: %v", err)
	}
	expectError(t, "own link", context.Cause(b.Context()), transport.ErrClosed)
	waitFor(t, "peer's link", a.Context().Done())
	expectError(t, "peer's link", context.Cause(a.Context()), transport.ErrPeerClosed)
	_, err := p.listener.Accept(t.Context())
	expectError(t, "accept", err, transport.ErrClosed)
	_, err = p.B.Dial(t.Context(), p.Address, transport.PeerID{})
	expectError(t, "dial", err, transport.ErrClosed)
	_, err = p.B.Listen(t.Context(), p.Address)
	expectError(t, "listen", err, transport.ErrClosed)
}

func testStats(t *testing.T, p *pair) {
	linkA, linkB := p.connect(t)
	if opened, accepted := linkA.Stats().StreamsOpened, linkB.Stats().StreamsAccepted; opened != 0 || accepted != 0 {
		t.Errorf("a new link has opened %d and accepted %d streams; the hello's is not the user's", opened, accepted)
	}
	a, b := openStream(t, linkA, linkB)
	content := pattern(modest)
	mustWrite(t, a, content)
	mustRead(t, b, content)
	sendUntilReceived(t, linkA, linkB, pattern(100))
	sent, received := linkA.Stats(), linkB.Stats()
	if sent.BytesSent < uint64(len(content)) || received.BytesReceived < uint64(len(content)) {
		t.Errorf("moved %d bytes; sent %d, received %d", len(content), sent.BytesSent, received.BytesReceived)
	}
	if sent.DatagramsSent < 1 || received.DatagramsReceived != 1 {
		t.Errorf("datagrams sent %d, received %d; want 1 or more, and 1", sent.DatagramsSent, received.DatagramsReceived)
	}
	if sent.StreamsOpened != 1 || received.StreamsAccepted != 1 {
		t.Errorf("streams opened %d, accepted %d; want 1 and 1", sent.StreamsOpened, received.StreamsAccepted)
	}
}
