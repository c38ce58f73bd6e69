package client

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay/wire"
)

func TestLeaveWaitsForTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		left := asyncError(func() error { return c.Leave(t.Context()) })
		m := expect[*wire.TunConfirm](relay)
		if m.BuildID != math.MaxUint64 {
			t.Errorf("confirmed %d", m.BuildID)
		}
		synctest.Wait()
		select {
		case err := <-left:
			t.Errorf("left before the node said so: %v", err)
		default:
		}
		relay.send(&wire.TunClosed{ID: m.ID})
		if err := <-left; err != nil {
			t.Error(err)
		}
		s := dialled(t, c, relay, 1000) // all else goes on
		if s.tunnel.id == m.ID {
			t.Errorf("tunnel id %d is used again", m.ID)
		}
		relay.silent()
	})
}

// A node that does not know what that means says nothing.
func TestLeaveFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{CloseTimeout: time.Second})
		for _, patience := range []time.Duration{0, 2 * time.Second} {
			ctx, want := t.Context(), time.Second
			if patience > 0 {
				ctx, want = within(t, patience), patience
			}
			began := time.Now()
			left := asyncError(func() error { return c.Leave(ctx) })
			expect[*wire.TunConfirm](relay)
			wantError(t, <-left, ErrTimeout)
			if d := time.Since(began); d != want {
				t.Errorf("waited for %v", d)
			}
		}
		if n := len(c.tunnels.byID); n != 0 {
			t.Errorf("%d tunnels are left", n)
		}
		left := asyncError(func() error { return c.Leave(t.Context()) })
		expect[*wire.TunConfirm](relay)
		_ = relay.link.Close()
		wantError(t, <-left, ErrClosed)
		wantError(t, c.Leave(t.Context()), ErrClosed)
	})
}

// Drain waits for the tunnels that the service was given, the last of which crosses the
// node's answer.
func TestDrainWaitsForTunnels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c, relay := attached(t, Service{Tunnel: func(*Tunnel) { <-release }}, Config{})
		drained := asyncError(func() error { return c.Drain(t.Context()) })
		leave := expect[*wire.TunConfirm](relay)
		relay.send(&wire.TunOffer{BuildID: 7, ChunkLimit: testChunk}, &wire.TunClosed{ID: leave.ID})
		id := expect[*wire.TunConfirm](relay).ID
		expect[*wire.TunAllow](relay)
		synctest.Wait()
		wantError(t, c.tunnels.waitIdle(within(t, time.Second)), ErrTimeout)
		select {
		case err := <-drained:
			t.Errorf("returned while a tunnel is open: %v", err)
		default:
		}
		close(release)
		expect[*wire.TunClose](relay)
		relay.send(&wire.TunClosed{ID: id})
		if err := <-drained; err != nil {
			t.Error(err)
		}
	})
}

// A member that has left is in no cluster either when its connection is made again.
func TestWhoHasLeftJoinsNoClusterAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, node, relay := reconnecting(t, Service{}, Config{})
		left := asyncError(func() error { return c.Leave(t.Context()) })
		relay.send(&wire.TunClosed{ID: expect[*wire.TunConfirm](relay).ID})
		if err := <-left; err != nil {
			t.Fatal(err)
		}
		node.stop(relay)
		node.down.Store(false)
		again := <-node.relays
		go again.discard()
		synctest.Wait()
		if got := node.cluster.Load(); got != "" {
			t.Errorf("attached again as a member of %q", got)
		}
	})
}
