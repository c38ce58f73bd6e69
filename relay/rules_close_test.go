package relay_test

import (
	"strings"
	"testing"

	"github.com/project-iris/iris/relay/wire"
)

// Each side of a tunnel closes while the other has as much under way as it may, and takes
// nothing of what was sent to it, so that its TUN_CLOSE waits behind that.
func TestRule24_NothingIsAllowedAfterTheClose(t *testing.T) {
	for name, closes := range map[string]func(a, b *application) (closer, sender *application){
		"the acceptor closes":  func(a, b *application) (_, _ *application) { return b, a },
		"the initiator closes": func(a, b *application) (_, _ *application) { return a, b },
	} {
		t.Run(name, func(t *testing.T) {
			inTunnels(t, func(t *testing.T, n *node, a, b *application) {
				closer, sender := closes(a, b)
				n.fillBothWays(closer, sender)
				closer.send(&wire.TunClose{ID: 1})
				closer.expect(&wire.TunClosed{ID: 1})
				sender.expectNothingAllowed(n)
				sender.expect(chunk(1, 4, "last"), &wire.TunClosed{ID: 1})
				sender.expectNothing()
			})
		})
	}
}

func TestRule24_NothingIsAllowedAfterTheOtherSideIsGone(t *testing.T) {
	inTunnels(t, func(t *testing.T, n *node, a, b *application) {
		n.fillBothWays(b, a)
		b.conn.Close()
		a.expectNothingAllowed(n)
		a.expect(chunk(1, 4, "last"))
		a.expectBroken(1)
		a.expectNothing()
	})
}

// What comes after the close is no part of a message either, and is not given back.
func TestRule24_OrphansAreNotGivenBackAfterTheClose(t *testing.T) {
	inTunnels(t, func(t *testing.T, n *node, a, b *application) {
		n.fillBothWays(b, a)
		b.send(&wire.TunClose{ID: 1})
		b.expect(&wire.TunClosed{ID: 1})
		n.settle()
		a.send(chunk(1, 0, "orphan"))
		a.expectNothing()
	})
}

// fillBothWays lets the sender send the closer all that it may, of which the closer takes
// one chunk, and lets the closer send it a message that it does not take.
func (n *node) fillBothWays(closer, sender *application) {
	n.t.Helper()
	closer.send(allow(1, chunkLimit))
	for range window / chunkLimit {
		sender.send(chunk(1, chunkLimit, strings.Repeat("x", chunkLimit)))
	}
	closer.expect(chunk(1, chunkLimit, strings.Repeat("x", chunkLimit)))
	closer.send(chunk(1, 4, "last"))
	closer.expect(allow(1, 4))
	drainAllowances(sender)
}

// expectNothingAllowed checks that the application is granted nothing any more, neither
// for what is under way nor for what it sends now, and takes what it was sent.
func (a *application) expectNothingAllowed(n *node) {
	a.t.Helper()
	a.expectNothing()
	a.send(chunk(1, 5, "again"))
	n.settle()
	a.expectNothing()
	a.send(allow(1, 100))
}
