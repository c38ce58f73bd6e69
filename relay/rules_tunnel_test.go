package relay_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay"
	"github.com/project-iris/iris/relay/wire"
)

// openTunnel opens a tunnel from one application, which calls it id, to another,
// which calls it peer. Nobody but the relay has granted anything yet.
func (n *node) openTunnel(from *application, id uint64, to *application, peer uint64) {
	n.t.Helper()
	n.aimTunnels(from, to)
	from.send(n.tunInit(id))
	to.send(&wire.TunConfirm{BuildID: to.offer(), ID: peer})
	to.expect(&wire.TunAllow{ID: peer, Bytes: window})
	from.expect(&wire.TunResult{ID: id, ChunkLimit: chunkLimit}, &wire.TunAllow{ID: id, Bytes: window})
}

func tunInit(id uint64) *wire.TunInit {
	return &wire.TunInit{ID: id, Cluster: []byte("svc"), Timeout: 1000}
}

// offer reads a TUN_INIT and returns its build id.
func (a *application) offer() uint64 {
	a.t.Helper()
	m := a.read()
	offer, ok := m.(*wire.TunOffer)
	if !ok {
		a.t.Fatalf("application got %s, want TUN_INIT", show(m))
	}
	return offer.BuildID
}

func chunk(id, total uint64, text string) *wire.TunTransfer {
	return &wire.TunTransfer{ID: id, Total: total, Chunk: []byte(text)}
}

func allow(id, bytes uint64) *wire.TunAllow { return &wire.TunAllow{ID: id, Bytes: bytes} }

// inTunnel runs a test of a tunnel between two applications, which both call it 1.
func inTunnel(t *testing.T, config relay.Config, test func(t *testing.T, n *node, a, b *application)) {
	t.Helper()
	inBubble(t, config, func(t *testing.T, n *node) { n.inTunnel(t, test) })
}

// inTunnels is inTunnel in all places.
func inTunnels(t *testing.T, test func(t *testing.T, n *node, a, b *application)) {
	t.Helper()
	inPlaces(t, relay.Config{}, func(t *testing.T, n *node) { n.inTunnel(t, test) })
}

func (n *node) inTunnel(t *testing.T, test func(t *testing.T, n *node, a, b *application)) {
	t.Helper()
	a, b := n.attach(""), n.attach("svc")
	n.openTunnel(a, 1, b, 1)
	test(t, n, a, b)
}

func TestRule15_ExactlyOneConfirmForEveryTunInit(t *testing.T) {
	refused := errors.New("no member took it")
	rows := []struct {
		name    string
		timeout uint64 // ms
		network func(ctx context.Context, cluster []byte) (relay.Stream, error)
		within  time.Duration
	}{
		{"nobody is there", 50, nil, 50 * time.Millisecond},
		{"nobody is there, and there is no time", 0, nil, 0},
		{"the network refuses", 1000, func(context.Context, []byte) (relay.Stream, error) {
			return nil, refused
		}, 0},
		{"the network refuses, and there is all the time", math.MaxInt64, func(context.Context, []byte) (relay.Stream, error) {
			return nil, refused
		}, 0},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
				a := n.attach("")
				a.member.onTunnel = row.network
				began := time.Now()
				a.send(&wire.TunInit{ID: 7, Cluster: []byte("svc"), Timeout: row.timeout})
				a.expect(&wire.TunResult{ID: 7, TimedOut: true})
				if took := time.Since(began); took != row.within {
					t.Errorf("took %v, want %v", took, row.within)
				}
				a.expectNothing()
			})
		})
	}
}

func TestRule15_TunInitsOverTheLimitAreTimedOutAtOnce(t *testing.T) {
	inPlaces(t, relay.Config{Tunnels: 2}, func(t *testing.T, n *node) {
		a := n.attach("")
		a.send(tunInit(1), tunInit(2), tunInit(3))
		a.expect(&wire.TunResult{ID: 3, TimedOut: true})
		if got := n.relay.Stats().TunnelsRefused; got != 1 {
			t.Errorf("%d tunnels were counted as refused, want 1", got)
		}
		first, second := a.read(), a.read().(*wire.TunResult)
		if !first.(*wire.TunResult).TimedOut || !second.TimedOut {
			t.Errorf("got %s and %s", show(first), show(second))
		}
		a.send(tunInit(1)) // the ids and the room are free again
		a.expect(&wire.TunResult{ID: 1, TimedOut: true})
	})
}

func TestRule16_TheChunkLimitIsPositiveAndBelow2To31(t *testing.T) {
	inPlaces(t, relay.Config{}, func(t *testing.T, n *node) {
		a, b := n.attach(""), n.attach("svc")
		n.aimTunnels(a, b)
		a.send(n.tunInit(1))
		offer := b.read().(*wire.TunOffer)
		limit := offer.ChunkLimit
		b.send(&wire.TunConfirm{BuildID: offer.BuildID, ID: 1})
		b.expect(allow(1, window))
		result := a.read().(*wire.TunResult)
		for _, limit := range []uint64{limit, result.ChunkLimit} {
			if limit == 0 || limit >= 1<<31 {
				t.Errorf("chunk limit %d", limit)
			}
		}
		a.expect(allow(1, window))
		b.send(allow(1, limit)) // and a chunk of this size is good
		a.send(chunk(1, limit, strings.Repeat("x", int(limit))))
		b.expect(chunk(1, limit, strings.Repeat("x", int(limit))))
		a.expect(allow(1, limit))
	})
}

func TestRule17_ConfirmAndAllowanceAreAdjacent(t *testing.T) {
	inPlaces(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.attach("")
		conn := n.listener.dialed[len(n.listener.dialed)-1]
		conn.record.Store(true)
		b := n.attach("svc")
		n.openTunnel(a, 7, b, 1)
		pair := (&wire.TunResult{ID: 7, ChunkLimit: chunkLimit}).Append(nil)
		pair = allow(7, window).Append(pair)
		conn.mu.Lock()
		defer conn.mu.Unlock()
		if !slices.ContainsFunc(conn.writes, func(w []byte) bool { return bytes.Contains(w, pair) }) {
			t.Errorf("TUN_CONFIRM and TUN_ALLOW are not together in any of the writes %q", conn.writes)
		}
	})
}

// The overload tests of the bindings want 8 MiB not to fit into the first grant;
// the tunnel is there as soon as its TUN_CONFIRM is.
func TestRule17_TheFirstGrantTakesAChunkAndTheTunnelIsThere(t *testing.T) {
	inTunnels(t, func(t *testing.T, _ *node, a, b *application) {
		if window < chunkLimit || window >= 8<<20 {
			t.Errorf("first grant of %d bytes", window)
		}
		b.send(allow(1, 100))
		a.send(chunk(1, 5, "hello"))
		b.expect(chunk(1, 5, "hello"))
		a.expect(allow(1, 5))
	})
}

func TestRule18_TheAcceptorsTunnelIsThereWhenItsNextFrameIsRead(t *testing.T) {
	inPlaces(t, relay.Config{}, func(t *testing.T, n *node) {
		a, b := n.attach(""), n.attach("svc")
		n.aimTunnels(a, b)
		a.send(n.tunInit(1))
		build := b.offer()
		b.send(&wire.TunConfirm{BuildID: build, ID: 9}, allow(9, 100), chunk(9, 4, "ping"))
		b.expect(allow(9, window))
		a.expect(&wire.TunResult{ID: 1, ChunkLimit: chunkLimit}, allow(1, window))
		a.send(allow(1, 100), chunk(1, 4, "pong"))
		a.expectEach(chunk(1, 4, "ping"), allow(1, 4))
		b.expectEach(chunk(9, 4, "pong"), allow(9, 4))
	})
}

// expectEach reads frames that may come in any order.
func (a *application) expectEach(want ...wire.Message) {
	a.t.Helper()
	for len(want) > 0 {
		got := a.read()
		i := slices.IndexFunc(want, func(m wire.Message) bool { return same(got, m) })
		if i < 0 {
			a.t.Fatalf("application got %s, which is none of %d", show(got), len(want))
		}
		want = slices.Delete(want, i, i+1)
	}
}

func TestRule18_WhoDoesNotConfirmInTimeLosesThatTunnelOnly(t *testing.T) {
	inPlaces(t, relay.Config{}, func(t *testing.T, n *node) {
		a, b := n.attach(""), n.attach("svc")
		n.aimTunnels(a, b)
		a.send(n.tunInit(1))
		build := b.offer()
		a.expect(&wire.TunResult{ID: 1, TimedOut: true})
		n.settle() // the deadline of the other node, which follows its own clock
		b.send(&wire.TunConfirm{BuildID: build, ID: 9}, allow(9, 100))
		b.expectBroken(9)
		b.expectAlive()
		n.openTunnel(a, 2, b, 9)
	})
}

func TestRule18_AConfirmOfNoOfferIsIgnored(t *testing.T) {
	inTunnels(t, func(t *testing.T, _ *node, _, b *application) {
		b.send(&wire.TunConfirm{BuildID: 12345, ID: 9})
		b.send(&wire.TunConfirm{BuildID: 0, ID: 1}) // once more
		b.expectNothing()
		b.send(&wire.TunClose{ID: 1})
		b.expect(&wire.TunClosed{ID: 1})
		b.expectNothing()
	})
}

func TestRule19_AllowancesAddUpAndMayBeZero(t *testing.T) {
	inTunnels(t, func(t *testing.T, _ *node, a, b *application) {
		a.send(chunk(1, 5, "hello"))
		for _, bytes := range []uint64{0, 2, 0, 2} {
			b.send(allow(1, bytes))
			b.expectNothing()
		}
		b.send(allow(1, 1))
		b.expect(chunk(1, 5, "hello"))
		b.send(allow(1, math.MaxUint64), allow(1, math.MaxUint64)) // does not overflow
		a.expect(allow(1, 5))
		a.send(chunk(1, 5, "again"))
		b.expect(chunk(1, 5, "again"))
	})
}

func TestRule19_TheRelayGrantsPerChunkPassedOn(t *testing.T) {
	inTunnels(t, func(t *testing.T, _ *node, a, b *application) {
		b.send(allow(1, 3))
		a.send(chunk(1, 9, "abc"))
		b.expect(chunk(1, 9, "abc"))
		a.expect(allow(1, 3)) // and the message is not whole
		a.send(chunk(1, 0, "def"))
		b.expect(chunk(1, 0, "def"))
		a.expect(allow(1, 3))
		a.expectNothing()
	})
}

func TestRule20_FirstChunksWaitForAllowanceAndContinuationsDoNot(t *testing.T) {
	inTunnels(t, func(t *testing.T, _ *node, a, b *application) {
		a.send(chunk(1, 6, "abc"), chunk(1, 0, "def"), chunk(1, 1, "g"))
		b.send(allow(1, 2))
		b.expectNothing()
		b.send(allow(1, 1)) // as much as the first chunk
		b.expect(chunk(1, 6, "abc"), chunk(1, 0, "def"))
		b.send(allow(1, 3)) // brings the balance to zero
		b.expectNothing()
		b.send(allow(1, 1))
		b.expect(chunk(1, 1, "g"))
		drain(a)
	})
}

// drain reads what the application is sent until its connection ends.
func drain(a *application) {
	go func() { _, _ = io.Copy(io.Discard, a.conn) }()
}

func TestRule21_ANewTotalGivesUpTheMessageBefore(t *testing.T) {
	inTunnels(t, func(t *testing.T, _ *node, a, b *application) {
		drain(a)
		b.send(allow(1, 100))
		a.send(chunk(1, 9, "abc"), chunk(1, 4, "defg"))
		b.expect(chunk(1, 9, "abc"), chunk(1, 4, "defg"))
		a.send(chunk(1, 0, "orphan of the first"), chunk(1, 2, "h"), chunk(1, 0, "i"))
		b.expect(chunk(1, 2, "h"), chunk(1, 0, "i"))
		b.expectNothing()
	})
}

func TestRule22_OrphansAndEmptyChunksAreNeverDelivered(t *testing.T) {
	inTunnels(t, func(t *testing.T, _ *node, a, b *application) {
		b.send(allow(1, 100))
		a.send(chunk(1, 0, "orphan"))
		a.expect(allow(1, 6)) // given back
		a.send(chunk(1, 0, ""), chunk(1, 0, "orphan"))
		a.expect(allow(1, 6))
		a.send(chunk(1, 4, ""), chunk(1, 0, "ab"), chunk(1, 0, ""), chunk(1, 0, "cd"), chunk(1, 0, "orphan"))
		b.expect(chunk(1, 4, "ab"), chunk(1, 0, "cd")) // the total goes with the first bytes
		b.expectNothing()
		drain(a)
	})
}

func TestRule23_AChunkOverTheLimitEndsItsTunnelWithAReason(t *testing.T) {
	inTunnels(t, func(t *testing.T, n *node, a, b *application) {
		n.openTunnel(a, 2, b, 2)
		b.send(allow(1, 100), allow(2, 100))
		over := chunk(1, chunkLimit+1, strings.Repeat("x", chunkLimit+1))
		a.send(chunk(1, 5, "first"), over, over, chunk(2, 5, "other"))
		n.expectOneBroken(a, b, "chunk over the limit")
	})
}

// expectOneBroken checks that tunnel 1 has ended, once for each side and with a
// reason, after the message "first"; and that tunnel 2, which carries "other", and
// the connections have not.
func (n *node) expectOneBroken(a, b *application, reason string) {
	n.t.Helper()
	b.expectAnyOrder(map[string]int{"TUN_TRANSFER first": 1, "TUN_TRANSFER other": 1, "TUN_CLOSE " + reason: 1})
	a.expectAnyOrder(map[string]int{"TUN_ALLOW": -1, "TUN_CLOSE " + reason: 1})
	n.log.expect(n.t, "tunnel is closed", "app="+a.name, "tunnel=1", reason)
	if got := n.relay.Stats().TunnelsBroken; got != 1 {
		n.t.Errorf("%d tunnels were counted as broken, want 1", got)
	}
	a.expectAlive()
	b.expectAlive()
}

// expectAnyOrder reads until nothing comes, and counts frames by their opcode and
// the start of their text; -1 is any number of them.
func (a *application) expectAnyOrder(want map[string]int) {
	a.t.Helper()
	got := make(map[string]int)
	for {
		a.conn.SetReadDeadline(time.Now().Add(a.quiet))
		m, err := a.reader.Read()
		if err != nil {
			break
		}
		text := m.Op().String()
		switch m := m.(type) {
		case *wire.TunTransfer:
			text += " " + string(m.Chunk)
		case *wire.TunClosed:
			text += " " + string(m.Reason)
		}
		known := false
		for w := range want {
			if strings.HasPrefix(text, w) {
				got[w]++
				known = true
			}
		}
		if !known {
			a.t.Errorf("application got %.100s", text)
		}
	}
	a.conn.SetReadDeadline(time.Time{})
	a.reader = wire.NewReader(a.conn, wire.FromRelay, wire.Limits{})
	for w, count := range want {
		if count >= 0 && got[w] != count {
			a.t.Errorf("application got %d times %q, want %d", got[w], w, count)
		}
	}
}

func TestRule24_TheCloserAndItsPeerGetOneCleanCloseAfterTheData(t *testing.T) {
	inTunnels(t, func(t *testing.T, _ *node, a, b *application) {
		a.send(chunk(1, 3, "one"), chunk(1, 3, "two"), &wire.TunClose{ID: 1})
		a.expectClosed(1)
		b.send(allow(1, 3))
		b.expect(chunk(1, 3, "one"))
		b.expectNothing()
		b.send(allow(1, 3))
		b.expect(chunk(1, 3, "two"), &wire.TunClosed{ID: 1})
		b.send(&wire.TunClose{ID: 1}) // crosses
		a.send(&wire.TunClose{ID: 1})
		a.expectNothing()
		b.expectNothing()
	})
}

func TestRule24_BothCloseAtOnceAndEachGetsExactlyOneClose(t *testing.T) {
	inPlaces(t, relay.Config{}, func(t *testing.T, n *node) {
		a, b := n.attach(""), n.attach("svc")
		for id := range uint64(100) {
			n.openTunnel(a, id, b, id)
			both(func() { a.send(&wire.TunClose{ID: id}) }, func() { b.send(&wire.TunClose{ID: id}) })
			a.expect(&wire.TunClosed{ID: id})
			b.expect(&wire.TunClosed{ID: id})
		}
		a.expectNothing()
		b.expectNothing()
	})
}

// both runs two functions at once.
func both(f, g func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	g()
	<-done
}

func TestRule24_AnAbnormalEndHasAReason(t *testing.T) {
	inTunnels(t, func(t *testing.T, _ *node, a, b *application) {
		a.conn.Close()
		b.expectBroken(1)
		b.expectNothing()
	})
}

func TestRule24_AStreamThatBreaksIsAnAbnormalEnd(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.attach("")
		near, far := n.mesh.pipe()
		a.member.onTunnel = func(context.Context, []byte) (relay.Stream, error) { return near, nil }
		a.send(tunInit(1))
		a.expect(&wire.TunResult{ID: 1, ChunkLimit: chunkLimit}, allow(1, window))
		far.Close()
		a.expectBroken(1)
		a.expectNothing()
	})
}

func TestRule25_FramesForTunnelsThatAreNotThereAreIgnored(t *testing.T) {
	inPlaces(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.attach("svc")
		a.send(allow(9, 100), chunk(9, 3, "abc"), &wire.TunConfirm{BuildID: 9, ID: 9}, &wire.TunClose{ID: 9})
		a.expectNothing()
		a.expectAlive()
		if a.member != nil {
			a.member.expect(t)
		}
	})
}

func TestRule26_AStalledTunnelStallsNothingElse(t *testing.T) {
	inTunnels(t, func(t *testing.T, n *node, a, b *application) {
		n.openTunnel(a, 2, b, 2)
		full := strings.Repeat("x", chunkLimit)
		for range window / chunkLimit { // all that may be under way, and b grants nothing
			a.send(chunk(1, chunkLimit, full))
		}
		b.send(allow(2, 100))
		a.send(chunk(2, 5, "other"))
		b.expect(chunk(2, 5, "other"))
		// Some chunks have left for b already, where they wait.
		n.expectAnswer(a, b, func(m wire.Message) bool { return m.Op() == wire.OpTunAllow })
		drainAllowances(a)
		b.expectAlive()
		a.expectAlive()
	})
}

// drainAllowances reads allowances until none has come for a while.
func drainAllowances(a *application) {
	a.t.Helper()
	a.expectAnyOrder(map[string]int{"TUN_ALLOW": -1})
}

// expectClosed reads allowances of a tunnel and then its clean close.
func (a *application) expectClosed(id uint64) {
	a.t.Helper()
	for {
		m := a.read()
		if _, ok := m.(*wire.TunAllow); ok {
			continue
		}
		if !same(m, &wire.TunClosed{ID: id}) {
			a.t.Fatalf("application got %s, want a clean TUN_CLOSE", show(m))
		}
		return
	}
}

func TestRule24_NothingFollowsTheClose(t *testing.T) {
	inTunnels(t, func(t *testing.T, n *node, a, b *application) {
		full := strings.Repeat("x", chunkLimit)
		b.send(allow(1, window))
		for range 20 { // of which some wait in the queue for b, and one for room in it
			a.send(chunk(1, chunkLimit, full))
		}
		drain(a)
		n.settle()
		b.send(&wire.TunClose{ID: 1})
		for b.read().Op() != wire.OpTunClose {
		}
		b.expectNothing()
	})
}

// expectBroken reads a TUN_CLOSE that has a reason.
func (a *application) expectBroken(id uint64) {
	a.t.Helper()
	m := a.read()
	if closed, ok := m.(*wire.TunClosed); !ok || closed.ID != id || len(closed.Reason) == 0 {
		a.t.Fatalf("application got %s, want TUN_CLOSE of %d with a reason", show(m), id)
	}
}

// A service that leaves goes on with its tunnels and with what it was offered, and is
// offered nothing more.
func TestAServiceLeavesItsClusterAndStays(t *testing.T) {
	inTunnel(t, relay.Config{}, func(t *testing.T, n *node, a, b *application) {
		a.member.onTunnel = n.mesh.tunnelTo(b.member)
		a.send(tunInit(2))
		build := b.offer()
		b.send(&wire.TunConfirm{BuildID: wire.BuildLeave, ID: 9})
		b.expect(&wire.TunClosed{ID: 9})
		b.member.expect(t, "withdraw")
		b.send(&wire.TunConfirm{BuildID: build, ID: 2})
		b.expect(allow(2, window))
		a.expect(&wire.TunResult{ID: 2, ChunkLimit: chunkLimit}, allow(2, window))

		a.send(tunInit(3))
		a.expect(&wire.TunResult{ID: 3, TimedOut: true}) // nobody else is there
		b.send(allow(1, window))
		a.send(chunk(1, 5, "still"))
		b.expect(chunk(1, 5, "still"))
		b.expectAlive()
	})
}

func TestAServiceLeavesUnderAnIDThatIsInUse(t *testing.T) {
	inTunnel(t, relay.Config{}, func(t *testing.T, n *node, _, b *application) {
		b.send(&wire.TunConfirm{BuildID: wire.BuildLeave, ID: 1})
		b.expectEnd()
		synctest.Wait()
		n.log.expect(t, "broke the protocol", "tunnel id is in use")
	})
}
