package discovery

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/logtest"
)

// join runs a source that joins the node at an address of [network].
func join(t *testing.T, n *network, log *logtest.Journal, addr string) {
	t.Helper()
	find(t, n, nil, &Join{Addr: addr, Logger: logger(log)})
}

// dials returns how often the network was dialled since the last call.
func dials(n *network) int { return len(strings.Fields(n.dialed())) }

// Who was named is dialled until it answers, and then no more, but at once when the node is
// alone again.
func TestJoinDialsUntilItAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(map[string]transport.PeerID{})
		join(t, n, nil, "192.0.2.1:1")
		time.Sleep(time.Minute)
		if got := dials(n); got < 5 || got > 12 {
			t.Errorf("%d dials in the first minute, want 5 to 12", got)
		}
		n.mu.Lock()
		n.nodes["192.0.2.1:1"] = one
		n.mu.Unlock()
		time.Sleep(joinRest * 3 / 2)
		if got := dials(n); got != 1 || n.found[one] != ByJoin {
			t.Errorf("%d dials once it answers; it was found by %q", got, n.found[one])
		}
		time.Sleep(time.Hour)
		if got := n.dialed(); got != "" {
			t.Errorf("dialled %s while it is a member", got)
		}
		n.lose()
		time.Sleep(3 * time.Second)
		if got := dials(n); got != 1 {
			t.Errorf("%d dials within 3 s after it was lost", got)
		}
	})
}

// A node that was named and is not reached is dialled seldom by one that knows others.
func TestJoinRestsInCompany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(map[string]transport.PeerID{"192.0.2.2:1": two})
		_, _ = n.Reach(t.Context(), "192.0.2.2:1", two, "")
		n.dialed()
		join(t, n, nil, "192.0.2.1:1")
		time.Sleep(10 * time.Minute)
		if got := dials(n); got < 30 || got > 90 {
			t.Errorf("%d dials in ten minutes, want 30 to 90", got)
		}
	})
}

// That it is not reached is said after a while, less and less often, and also that it is
// reached after all.
func TestJoinSaysWhatIsNotReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logtest.Journal
		n := newNetwork(map[string]transport.PeerID{})
		join(t, n, &log, "192.0.2.1:1")
		said := func() int {
			synctest.Wait()
			return strings.Count(log.String(), `level=WARN msg="node that was named is not reached; it is tried again" join=192.0.2.1:1`)
		}
		time.Sleep(joinPatience - 1)
		if said() != 0 {
			t.Errorf("said before it is time: %s", log.String())
		}
		time.Sleep(2 * joinRest)
		if said() != 1 {
			t.Errorf("said %d times after 30 s", said())
		}
		time.Sleep(time.Hour)
		if got := said(); got < 4 || got > 7 {
			t.Errorf("said %d times in an hour, want 4 to 7", got)
		}
		n.mu.Lock()
		n.nodes["192.0.2.1:1"] = one
		n.mu.Unlock()
		time.Sleep(time.Hour)
		if got := strings.Count(log.String(), "node that was named is reached"); got != 1 {
			t.Errorf("that it is reached is said %d times", got)
		}
	})
}

// Who was there and is not any more has as much time as at first.
func TestJoinHasPatienceWithWhoWasThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logtest.Journal
		j := &Join{Addr: "a:1", Logger: logger(&log)}
		j.start(time.Now())
		j.Tried(nil)
		time.Sleep(time.Hour)
		j.Tried(errNobody)
		time.Sleep(joinPatience - 1)
		j.Tried(errNobody)
		if j.answered() || log.String() != "" {
			t.Errorf("reached: %v; said %s", j.answered(), log.String())
		}
		time.Sleep(time.Nanosecond)
		if j.Tried(errNobody); log.String() == "" {
			t.Error("nothing is said of a node that is gone for long")
		}
	})
}

// A node that was named and is this one counts as reached.
func TestJoinOfItself(t *testing.T) {
	var log logtest.Journal
	j := &Join{Addr: "a:1", Logger: logger(&log)}
	j.start(time.Now().Add(-time.Hour))
	j.Tried(transport.ErrSelf)
	if !j.answered() || log.String() != "" {
		t.Errorf("reached: %v; said %s", j.answered(), log.String())
	}
}
