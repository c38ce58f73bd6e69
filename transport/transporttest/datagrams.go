package transporttest

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/project-iris/iris/transport"
)

func testDatagrams(t *testing.T, p *pair) {
	a, b := p.connect(t)
	for _, ends := range [][2]transport.Link{{a, b}, {b, a}} {
		for _, size := range []int{1, 100, transport.MaxDatagram} {
			sendUntilReceived(t, ends[0], ends[1], pattern(size))
		}
	}
}

// sendUntilReceived repeats a datagram until it arrives: each may be lost.
func sendUntilReceived(t *testing.T, from, to transport.Link, content []byte) {
	t.Helper()
	for range 100 {
		if err := from.SendDatagram(content); err != nil {
			t.Fatalf("send a datagram of %d bytes: %v", len(content), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		got, err := to.ReceiveDatagram(ctx)
		cancel()
		switch {
		case err == nil && bytes.Equal(got, content):
			return
		case err != nil && !errors.Is(err, context.DeadlineExceeded):
			t.Fatalf("receive a datagram: %v", err)
		}
	}
	t.Fatalf("a datagram of %d bytes never arrives whole", len(content))
}

func testDatagramLimit(t *testing.T, p *pair) {
	a, _ := p.connect(t)
	err := a.SendDatagram(make([]byte, transport.MaxDatagram+1))
	expectError(t, "a large datagram", err, transport.ErrDatagramTooLarge)
	if large, ok := errors.AsType[*transport.DatagramTooLargeError](err); !ok || large.Limit != transport.MaxDatagram {
		t.Errorf("a large datagram: %#v; want the limit %d", err, transport.MaxDatagram)
	}
}

// testDatagramFlood sends more than any queue holds to a peer that does not
// receive, and expects the link to live.
func testDatagramFlood(t *testing.T, p *pair) {
	a, b := p.connect(t)
	var g group
	g.Go(func() {
		content := pattern(transport.MaxDatagram)
		for range 5000 {
			if err := a.SendDatagram(content); err != nil {
				t.Errorf("send: %v", err)
				return
			}
		}
	})
	g.wait(t, "datagrams nobody receives")
	opened, accepted := openStream(t, a, b)
	mustWrite(t, opened, []byte("alive"))
	mustRead(t, accepted, []byte("alive"))
}
