package remote_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/balance"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

var errOut = &transport.ClosedError{Code: transport.CodeRefused, Reason: "out"}

var one, two = []transport.PeerID{{1}}, []transport.PeerID{{2}}

// A node that falls silent while it is waited for loses its link about a second later, and
// what it was asked is answered; one that pauses for less does not, nor one that nobody waits
// for.
func TestASilentNodeThatIsWaitedForLosesItsLink(t *testing.T) {
	for _, row := range []struct {
		name   string
		waits  bool
		silent time.Duration
		lost   bool
	}{
		{"silent for good", true, 10 * time.Second, true},
		{"a pause", true, 800 * time.Millisecond, false},
		{"nobody waits", false, 1500 * time.Millisecond, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pair(t, true, true)
				c := new(caller)
				if row.waits {
					ask(t, a, c, attempt(1, "b", time.Minute), new(balance.Gauge))
				}
				time.Sleep(20 * time.Second) // it is asked, and lives
				if len(a.ended()) > 0 {
					t.Fatalf("a node that works for long has lost its link: %v", a.ended())
				}
				a.network.Partition(one, two)
				begin := time.Now()
				for time.Since(begin) < row.silent && len(a.ended()) == 0 {
					time.Sleep(10 * time.Millisecond)
				}
				took := time.Since(begin)
				a.network.Heal()
				pass()
				if lost := len(a.ended()) > 0; lost != row.lost {
					t.Fatalf("the link was lost: %v, want %v; %v", lost, row.lost, a.ended())
				}
				if row.lost && (took > 1200*time.Millisecond || !errors.Is(a.ended()[0], transport.ErrNetwork) || len(c.got()) != 1) {
					t.Errorf("lost after %v for %v, answers %v", took, a.ended(), c.got())
				}
				_ = b
			})
		})
	}
}

// A link that nobody uses ends in good order on both sides, whoever wants it, and both at once.
func TestAnIdleLinkIsRetired(t *testing.T) {
	for _, who := range []string{"a", "b", "ab"} {
		t.Run(who, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pair(t, true, true)
				send(t, a, "last words")
				for _, n := range map[string][]*node{"a": {a}, "b": {b}, "ab": {a, b}}[who] {
					go n.other().Retire()
				}
				time.Sleep(time.Second)
				if len(a.ended()) != 1 || len(b.ended()) != 1 {
					t.Fatalf("the link has ended %d and %d times", len(a.ended()), len(b.ended()))
				}
				if got := a.sessions.Stats().BytesLost; got != 0 || b.came() != 1 {
					t.Errorf("%d bytes are lost, %d messages came", got, b.came())
				}
			})
		})
	}
}

// A link that one of its nodes uses goes on, and what was stopped for a moment goes on too.
func TestALinkInUseIsNotRetired(t *testing.T) {
	for _, row := range []struct {
		name string
		use  func(t *testing.T, a, b *node)
	}{
		{"a request of the one that asks", func(t *testing.T, a, _ *node) {
			ask(t, a, new(caller), attempt(1, "b", time.Minute), new(balance.Gauge))
		}},
		{"a request of the other", func(t *testing.T, _, b *node) {
			ask(t, b, new(caller), attempt(1, "b", time.Minute), new(balance.Gauge))
		}},
		{"a tunnel of the one that asks", func(_ *testing.T, a, _ *node) { a.other().Hold() }},
		{"a tunnel of the other", func(_ *testing.T, _, b *node) { b.other().Hold() }},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pair(t, true, true)
				row.use(t, a, b)
				a.other().Retire()
				pass()
				if len(a.ended()) > 0 {
					t.Fatalf("the link has ended: %v", a.ended())
				}
				if a.other().Leaving() != nil || b.other().Leaving() != nil || !a.links.Linked(two[0]) || !b.links.Linked(one[0]) {
					t.Error("the link is not used any more")
				}
				send(t, a, "more")
				pass()
				if b.came() != 1 {
					t.Errorf("%d messages came", b.came())
				}
			})
		})
	}
}

// A receiver that is slow keeps the link: what it has not taken would be lost with it.
func TestALinkWhoseMessagesAreNotTakenIsNotRetired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, true, true)
		b.slow = make(chan struct{})
		for range 100 {
			send(t, a, "slowly")
		}
		pass()
		a.other().Retire()
		b.other().Retire()
		if len(a.ended()) > 0 {
			t.Fatalf("the link has ended: %v", a.ended())
		}
		close(b.slow)
		pass()
		if b.came() != 100 {
			t.Errorf("%d messages came", b.came())
		}
	})
}

// A node that agrees, and is not heard of any more, ends the link itself; one that says
// nothing keeps it.
func TestARetirementThatIsNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, true, true)
		a.other().Tell(&wire.Retire{Stage: wire.RetireAsk}) // and nothing follows
		time.Sleep(4 * time.Second)
		if len(b.ended()) > 0 || b.other().Leaving() == nil {
			t.Errorf("ended %v, leaving %v", b.ended(), b.other().Leaving())
		}
		time.Sleep(2 * time.Second)
		if len(b.ended()) != 1 || len(a.ended()) != 1 {
			t.Errorf("the link has ended %d and %d times", len(a.ended()), len(b.ended()))
		}
		a.other().Tell(&wire.Retire{Stage: 9})
	})
}

// A link that ends in any case is not used again when the other node refuses to end it for want of
// use, and ends when that has no more use for it.
func TestALinkThatIsExpelledWhileItRetires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, true, true)
		b.other().Hold()
		go a.other().Retire()
		time.Sleep(75 * time.Millisecond) // it is asked
		go a.other().Expel(t.Context(), errOut)
		for range 100 {
			time.Sleep(10 * time.Millisecond)
			if a.links.Linked(two[0]) || len(a.ended()) > 0 {
				t.Fatalf("the link is used: %v", a.ended())
			}
		}
		b.other().Release()
		time.Sleep(time.Second)
		if len(a.ended()) != 1 || !errors.Is(a.ended()[0], errOut) {
			t.Errorf("the link has ended: %v", a.ended())
		}
	})
}

// A node that does not read what it is sent, and one that has use for the link all the time, lose it
// when the time is over.
func TestWhoIsExpelledLosesTheLinkInTime(t *testing.T) {
	for _, row := range []struct {
		name string
		use  func(t *testing.T, a, b *node)
	}{
		{"it does not read", func(t *testing.T, a, b *node) {
			b.slow = make(chan struct{})
			t.Cleanup(func() { close(b.slow) })
			a.fill(t, 0)
		}},
		{"it has use for it", func(_ *testing.T, _, b *node) { b.other().Hold() }},
		{"this node has", func(_ *testing.T, a, _ *node) { a.other().Hold() }},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pair(t, true, true)
				row.use(t, a, b)
				ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
				defer cancel()
				begin := time.Now()
				a.other().Expel(ctx, errOut)
				<-a.other().Context().Done()
				if took := time.Since(begin); took < 4*time.Second || took > 4100*time.Millisecond {
					t.Errorf("the link has ended after %v: %v", took, a.ended())
				}
			})
		})
	}
}

// send sends an event to the other node.
func send(t *testing.T, n *node, text string) {
	t.Helper()
	m := wire.Event{Topic: []byte("t"), Event: []byte(text)}
	l := n.other().Lane(0)
	b, err := l.Begin(m.Size(), 0)
	if err != nil {
		t.Fatal(err)
	}
	l.Commit(m.Append(b))
}

// ended returns why links have ended.
func (n *node) ended() []error {
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.causes
}

// came returns how many messages came.
func (n *node) came() int {
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.delivered
}

// got returns what the caller was answered.
func (c *caller) got() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answers
}
