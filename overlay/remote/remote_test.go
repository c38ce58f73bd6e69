package remote_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/balance"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/remote"
	"github.com/project-iris/iris/overlay/session"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// attempt is a request to the cluster echo.
func attempt(token uint64, body string, timeout time.Duration) *names.Attempt {
	return &names.Attempt{Token: token, Cluster: []byte("echo"), Body: []byte(body), Deadline: time.Now().Add(timeout)}
}

// ask sends a request that has to be sent.
func ask(t *testing.T, from *node, c *caller, a *names.Attempt, g *balance.Gauge) {
	t.Helper()
	if err := from.other().Ask(time.Now(), c, a, g, 0); err != nil {
		t.Fatalf("ask: %v", err)
	}
}

// want checks what a caller was answered.
func (c *caller) want(t *testing.T, want ...string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Equal(c.answers, want) {
		t.Errorf("answered %q, want %q", c.answers, want)
	}
}

// wantOpen checks how many requests the other node has, and what a gauge says of that.
func (n *node) wantOpen(t *testing.T, g *balance.Gauge, want int) {
	t.Helper()
	if open := n.other().Calls(); open != want || g.UnderWay() != int64(want) {
		t.Errorf("%d requests are open and %d under way, want %d", open, g.UnderWay(), want)
	}
}

// The other node has a request with the time that is left, and may answer it once: what it
// says later about the same id, or about one that it was never given, changes nothing.
func TestARequestIsAnsweredOnce(t *testing.T) {
	for _, ok := range []bool{true, false} {
		t.Run(fmt.Sprint(ok), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pair(t, true, true)
				var c caller
				var g balance.Gauge
				ask(t, a, &c, attempt(7, "hello", time.Minute), &g)
				a.wantOpen(t, &g, 1)
				pass()
				if want := []string{"echo hello for 1m0s"}; !slices.Equal(b.bodies, want) {
					t.Fatalf("the other node has got %q, want %q", b.bodies, want)
				}
				id := b.got()[0]
				b.other().Answer(id, ok, []byte("first"), 0)
				b.other().Answer(id, !ok, []byte("second"), 0)
				b.other().Answer(id+1, true, []byte("never asked"), 0)
				pass()
				c.want(t, map[bool]string{true: "7: reply first", false: "7: fault first"}[ok])
				a.wantOpen(t, &g, 0)
			})
		})
	}
}

// A request that the other node sends back is its caller's to try elsewhere, with all that is
// needed for that.
func TestARequestThatIsSentBack(t *testing.T) {
	for _, row := range []struct {
		reason wire.Reason
		busy   bool
	}{
		{wire.ReasonOverloaded, true},
		{wire.ReasonNoMember, false},
		{wire.ReasonDraining, false},
		{99, true}, // unknown
	} {
		t.Run(fmt.Sprint(row.reason), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pair(t, true, true)
				b.serve = func(*remote.Remote, *wire.Request) (wire.Reason, int64, bool) { return row.reason, 4, false }
				var c caller
				var g balance.Gauge
				sent := attempt(7, "hello", time.Minute)
				sent.Waited = "echo"
				ask(t, a, &c, sent, &g)
				pass()
				c.want(t)
				a.wantOpen(t, &g, 0)
				if len(c.back) != 1 {
					t.Fatalf("%d requests have come back, want 1", len(c.back))
				}
				back := c.back[0]
				if back.Token != 7 || string(back.Cluster) != "echo" || string(back.Body) != "hello" ||
					!back.Deadline.Equal(sent.Deadline) || back.Waited != "echo" {
					t.Errorf("%+v has come back, want what was sent", back)
				}
				if back.Refused.Busy() != row.busy {
					t.Errorf("the node is noted as one that has too much to do: %v, want %v", back.Refused.Busy(), row.busy)
				}
				if penalty := g.Cost(time.Now()) > 0.5; penalty != row.busy {
					t.Errorf("the node costs %v", g.Cost(time.Now()))
				}
				if len(a.answered) > 0 {
					t.Error("a request that was refused counts as answered")
				}
			})
		})
	}
}

// The refusal has to bring back what was sent. Nobody knows whether that has run.
func TestARefusalOfAnotherRequestCostsTheLink(t *testing.T) {
	for _, row := range []struct{ name, cluster, body string }{
		{"another body", "echo", "HELLO"},
		{"another cluster", "other", "hello"},
		{"cluster and body exchanged", "hello", "echo"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pair(t, true, true)
				var c caller
				var g balance.Gauge
				ask(t, a, &c, attempt(7, "hello", time.Minute), &g)
				pass()
				m := wire.Refusal{ID: b.got()[0], Reason: wire.ReasonNoMember, Cluster: []byte(row.cluster), Body: []byte(row.body)}
				l := b.other().Lane(0)
				out, err := l.Begin(m.Size(), 0)
				if err != nil {
					t.Fatal(err)
				}
				l.Commit(m.Append(out))
				pass()
				c.want(t, "7: fault "+remote.FaultLost)
				if len(c.back) > 0 {
					t.Errorf("%q is tried elsewhere", c.back[0].Body)
				}
				a.wantOpen(t, &g, 0)
				if len(b.causes) != 1 {
					t.Fatalf("%d links have ended, want 1", len(b.causes))
				}
				if closed, ok := errors.AsType[*transport.ClosedError](b.causes[0]); !ok || closed.Code != transport.CodeProtocol {
					t.Errorf("the link has ended with %v, want code %v", b.causes[0], transport.CodeProtocol)
				}
			})
		})
	}
}

// Who waits for a node whose link is lost hears so at once, and nothing more is sent there.
func TestALostLinkAnswersWhatIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, true, true)
		var c, other caller
		var g balance.Gauge
		ask(t, a, &c, attempt(1, "one", time.Minute), &g)
		ask(t, a, &c, attempt(2, "two", time.Hour), &g)
		ask(t, a, &other, attempt(1, "three", 2*time.Hour), &g)
		pass()
		b.other().Answer(b.got()[0], true, []byte("one"), 0)
		pass()
		begin := time.Now()
		_ = a.other().Peer().Link().Close(nil)
		pass()
		c.want(t, "1: reply one", "2: fault "+remote.FaultLost)
		other.want(t, "1: fault "+remote.FaultLost)
		if took := time.Since(begin); took > time.Second {
			t.Errorf("that took %v", took)
		}
		a.wantOpen(t, &g, 0)
		if err := a.other().Ask(time.Now(), &c, attempt(3, "late", time.Minute), &g, 0); !errors.Is(err, remote.ErrLost) {
			t.Errorf("a request to a node that is lost: %v, want %v", err, remote.ErrLost)
		}
		a.wantOpen(t, &g, 0)
	})
}

// A request whose deadline passes is forgotten, for its caller has a clock of its own; the
// gauge notes that the node has not answered in that time. An answer that comes later is none.
func TestTheDeadlineForgetsARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, true, true)
		var c caller
		var g balance.Gauge
		ask(t, a, &c, attempt(7, "hello", 3*time.Second), &g)
		time.Sleep(3*time.Second - time.Nanosecond)
		a.wantOpen(t, &g, 1)
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		a.wantOpen(t, &g, 0)
		if cost := g.Cost(time.Now()); cost < 2.9 || cost > 3.1 {
			t.Errorf("one more request would cost %v s, want the 3 that were waited", cost)
		}
		b.other().Answer(b.got()[0], true, []byte("late"), 0)
		pass()
		c.want(t)
		ask(t, a, &c, attempt(8, "too late", 0), &g)
		pass()
		if a.wantOpen(t, &g, 0); len(b.got()) != 1 {
			t.Error("a request was sent after its deadline")
		}
	})
}

// The requests of a member that is gone are forgotten, and those of others are not.
func TestForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, true, true)
		var gone, stays caller
		var g balance.Gauge
		ask(t, a, &gone, attempt(1, "one", time.Minute), &g)
		ask(t, a, &gone, attempt(2, "two", time.Minute), &g)
		ask(t, a, &stays, attempt(1, "three", time.Minute), &g)
		pass()
		a.other().Forget(&gone)
		a.wantOpen(t, &g, 1)
		for _, id := range b.got() {
			b.other().Answer(id, true, []byte("reply"), 0)
		}
		pass()
		gone.want(t)
		stays.want(t, "1: reply reply")
		a.wantOpen(t, &g, 0)
	})
}

// The answer to a request that had waited for its cluster, reply or fault, says that others
// may go on that still wait.
func TestTheAnswerToARequestThatHadWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, true, true)
		var c caller
		var g balance.Gauge
		for i, waited := range []string{"", "echo", "echo"} {
			request := attempt(uint64(i), "hello", time.Minute)
			request.Waited = waited
			ask(t, a, &c, request, &g)
		}
		pass()
		for i, want := range [][]string{nil, {"echo"}, {"echo", "echo"}} {
			b.other().Answer(b.got()[i], i != 2, []byte("answer"), 0)
			pass()
			if !slices.Equal(a.answered, want) {
				t.Errorf("after answer %d the host has heard of %q, want %q", i, a.answered, want)
			}
		}
		c.want(t, "0: reply answer", "1: reply answer", "2: fault answer")
	})
}

// A request for which there is no room leaves nothing behind.
func TestAFullLaneLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, true, false)
		c := caller{shard: 2}
		var g balance.Gauge
		a.fill(t, c.shard)
		if err := a.other().Ask(time.Now(), &c, attempt(7, "hello", time.Minute), &g, 0); !errors.Is(err, session.ErrFull) {
			t.Errorf("a request for a full lane: %v, want %v", err, session.ErrFull)
		}
		a.wantOpen(t, &g, 0)
		begin := time.Now()
		if err := a.other().Ask(begin, &c, attempt(8, "hello", time.Minute), &g, time.Second); !errors.Is(err, session.ErrFull) || time.Since(begin) != time.Second {
			t.Errorf("with a second of patience: %v after %v", err, time.Since(begin))
		}
		a.wantOpen(t, &g, 0)
		close(b.hears)
		time.Sleep(time.Minute)
		synctest.Wait()
		c.want(t)
		if len(b.got()) > 0 {
			t.Error("a request that was not sent has come")
		}
		ask(t, a, &c, attempt(9, "again", time.Minute), &g)
		pass()
		if len(b.got()) != 1 {
			t.Error("nothing comes after the lane was full")
		}
	})
}

// An answer waits a second for room, and is dropped and counted then. A short fault is not.
func TestAnAnswerThatFindsNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, false, true)
		var c caller
		var g balance.Gauge
		ask(t, a, &c, attempt(1, "one", time.Hour), &g)
		ask(t, a, &c, attempt(2, "two", time.Hour), &g)
		ask(t, a, &c, attempt(3, "three", time.Hour), &g)
		pass()
		ids := b.got()
		for _, id := range ids {
			b.fill(t, id)
		}
		for i, body := range [][]byte{[]byte("reply"), make([]byte, 1<<10)} {
			begin := time.Now()
			b.other().Answer(ids[i], i == 0, body, 0)
			if took := time.Since(begin); took != remote.Patience {
				t.Errorf("answer %d has waited for %v, want %v", i, took, remote.Patience)
			}
			if n := b.dropped.Load(); n != uint64(i+1) {
				t.Errorf("%d answers are counted as dropped, want %d", n, i+1)
			}
		}
		b.other().Answer(ids[2], false, []byte("no"), 0)
		if n := b.dropped.Load(); n != 2 {
			t.Errorf("%d answers are counted as dropped, want 2", n)
		}
		close(a.hears)
		time.Sleep(time.Minute)
		synctest.Wait()
		c.want(t, "3: fault no")
	})
}

// A request that can neither be served nor sent back is answered, shortly.
func TestNoRoomToSendARequestBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, false, true)
		b.serve = func(*remote.Remote, *wire.Request) (wire.Reason, int64, bool) { return wire.ReasonNoMember, 0, false }
		for lane := range uint64(session.RequestLanes) {
			b.fill(t, lane)
		}
		var c caller
		var g balance.Gauge
		ask(t, a, &c, attempt(7, "hello", time.Hour), &g)
		pass()
		if n := b.stuck.Load(); n != 1 {
			t.Errorf("%d requests are counted as stuck, want 1", n)
		}
		close(a.hears)
		time.Sleep(time.Minute)
		synctest.Wait()
		c.want(t, "7: fault "+remote.FaultOverloaded)
		if len(c.back) > 0 {
			t.Error("the request has come back as well")
		}
	})
}

// A large message about a request that there is no memory for costs the link nothing: whoever asked
// is told what is known of the request.
func TestLargeMessagesWithoutMemory(t *testing.T) {
	large := strings.Repeat("x", 8<<20) // twice of what pair gives
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, true, true)
		var c caller
		var g balance.Gauge
		ask(t, a, &c, attempt(1, large, time.Minute), &g)
		pass()
		ask(t, a, &c, attempt(2, "?", time.Minute), &g)
		pass()
		if got := b.got(); len(got) != 1 {
			t.Fatalf("%d requests have come, want the small one", len(got))
		}
		b.other().Answer(b.got()[0], true, []byte(large), 0)
		pass()
		c.want(t, "1: fault "+remote.FaultOverloaded, "2: fault "+remote.FaultLost)
		if a.other().Calls() != 0 || len(a.causes)+len(b.causes) > 0 {
			t.Errorf("%d requests are open, and the links: %v, %v", a.other().Calls(), a.causes, b.causes)
		}
	})
}

// A node is found in the table as long as it is there, and is linked as long as its link lasts.
func TestTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := pair(t, true, true)
		var table remote.Table
		r, id := a.other(), transport.PeerID{2}
		if table.Get(id) != nil || table.Linked(id) || len(table.All()) != 0 {
			t.Error("an empty table has a node")
		}
		table.Add(r)
		before := table.All()
		if table.Get(id) != r || !table.Linked(id) || len(before) != 1 {
			t.Error("a node that was added is not there")
		}
		_ = r.Peer().Link().Close(nil)
		pass()
		if table.Get(id) != r || table.Linked(id) {
			t.Error("a node whose link has ended is linked")
		}
		table.Remove(r)
		if table.Get(id) != nil || len(before) != 1 {
			t.Error("a node is not removed, or from what was read before")
		}
	})
}
