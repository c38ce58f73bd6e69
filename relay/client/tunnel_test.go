package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay/wire"
)

const testChunk = 1000 // chunk limit, bytes

// opened returns a tunnel that the application opened, with so much allowance.
func opened(t *testing.T, c *Conn, relay *fakeRelay, allowance uint64) *Tunnel {
	t.Helper()
	done := async(func() (*Tunnel, error) { return c.Tunnel(t.Context(), "cluster") })
	id := expect[*wire.TunInit](relay).ID
	relay.send(&wire.TunResult{ID: id, ChunkLimit: testChunk}, &wire.TunAllow{ID: id, Bytes: allowance})
	expect[*wire.TunAllow](relay)
	return must((<-done).value, nil)
}

func transfer(tun *Tunnel, total int, chunk string) wire.Message {
	return &wire.TunTransfer{ID: tun.id, Total: uint64(total), Chunk: []byte(chunk)}
}

// Rule 17: the initiator's first grant follows the confirmation.
func TestTunnelOpens(t *testing.T) {
	for _, row := range []struct {
		window     int
		chunkLimit uint64
		want       uint64
	}{
		{0, 65536, 4 << 20},
		{100, 65536, 65536}, // a smaller grant would let no chunk through
		{1 << 20, 1000, 1 << 20},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, relay := attached(t, Service{}, Config{TunnelWindow: row.window})
			done := async(func() (*Tunnel, error) { return c.Tunnel(within(t, time.Second), "cluster") })
			m := expect[*wire.TunInit](relay)
			if string(m.Cluster) != "cluster" || m.Timeout != 1000 {
				t.Errorf("sent %+v", m)
			}
			id := m.ID
			relay.send(&wire.TunResult{ID: id, ChunkLimit: row.chunkLimit})
			if m := expect[*wire.TunAllow](relay); m.ID != id || m.Bytes != row.want {
				t.Errorf("sent %+v, want %d bytes", m, row.want)
			}
			if err := (<-done).err; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestTunnelDoesNotOpen(t *testing.T) {
	t.Run("timed out", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, relay := attached(t, Service{}, Config{})
			done := async(func() (*Tunnel, error) { return c.Tunnel(t.Context(), "cluster") })
			relay.send(&wire.TunResult{ID: expect[*wire.TunInit](relay).ID, TimedOut: true})
			wantError(t, (<-done).err, ErrTimeout)
			relay.silent()
		})
	})
	t.Run("no chunk may be sent", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, relay := attached(t, Service{}, Config{})
			done := async(func() (*Tunnel, error) { return c.Tunnel(t.Context(), "cluster") })
			relay.send(&wire.TunResult{ID: expect[*wire.TunInit](relay).ID})
			if err := (<-done).err; !errors.As(err, new(*TunnelError)) {
				t.Errorf("error is %v", err)
			}
			expect[*wire.TunClose](relay)
			relay.silent()
		})
	})
	t.Run("connection lost", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, relay := attached(t, Service{}, Config{})
			done := async(func() (*Tunnel, error) { return c.Tunnel(t.Context(), "cluster") })
			expect[*wire.TunInit](relay)
			_ = relay.link.Close()
			wantError(t, (<-done).err, ErrClosed)
		})
	})
}

// A tunnel whose first grant cannot be sent in time is closed again.
func TestTunnelIsGivenUpForWantOfRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{SendQueue: 100})
		done := async(func() (*Tunnel, error) { return c.Tunnel(within(t, time.Minute), "cluster") })
		id := expect[*wire.TunInit](relay).ID
		synctest.Wait() // until the queue is empty
		sent := 0
		for !c.current.Load().out.Prompt.Full() {
			_, err := c.Request(within(t, time.Second), "t", make([]byte, 90))
			wantError(t, err, ErrTimeout)
			sent++
		}
		relay.send(&wire.TunResult{ID: id, ChunkLimit: testChunk}, &wire.TunOffer{ChunkLimit: testChunk})
		wantError(t, (<-done).err, ErrTimeout)
		for range sent {
			expect[*wire.Request](relay)
		}
		if m := expect[*wire.TunClose](relay); m.ID != id {
			t.Errorf("closed %+v", m)
		}
		relay.silent()
		if n := c.Stats().RefusedTunnels; n != 1 { // the offer found no room either
			t.Errorf("%d tunnels refused", n)
		}
		if n := len(c.tunnels.refuse(ErrClosed)); n != 1 {
			t.Errorf("%d tunnels are known, want the one whose TUN_CLOSE is not answered", n)
		}
	})
}

// A tunnel that comes when nobody waits for it any more is closed, exactly once.
func TestTunnelGivenUpIsClosedWhenItComes(t *testing.T) {
	for _, timedOut := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c, relay := attached(t, Service{}, Config{})
			ctx, cancel := context.WithCancel(t.Context())
			done := async(func() (*Tunnel, error) { return c.Tunnel(ctx, "cluster") })
			id := expect[*wire.TunInit](relay).ID
			cancel()
			wantError(t, (<-done).err, context.Canceled)
			relay.send(&wire.TunResult{ID: id, TimedOut: timedOut, ChunkLimit: testChunk})
			if !timedOut {
				if m := expect[*wire.TunClose](relay); m.ID != id {
					t.Errorf("sent %+v", m)
				}
				relay.send(&wire.TunAllow{ID: id, Bytes: 1}, &wire.TunTransfer{ID: id, Total: 1, Chunk: []byte("x")},
					&wire.TunClosed{ID: id})
			}
			relay.silent()
			if c.tunnels.get(id) != nil {
				t.Error("the tunnel is not forgotten")
			}
		})
	}
}

// Rule 18: confirmation and grant are adjacent, the tunnel is there for the very next
// frame, and the end of the handler is the end of the tunnel.
func TestServiceGetsATunnel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := make(chan string, 2)
		_, relay := attached(t, Service{Tunnel: func(tun *Tunnel) {
			got <- string(must(tun.Receive(t.Context())))
		}}, Config{})
		relay.send(&wire.TunOffer{BuildID: 7, ChunkLimit: testChunk})
		m := expect[*wire.TunConfirm](relay)
		id := m.ID
		if m.BuildID != 7 {
			t.Errorf("confirmed %+v", m)
		}
		if m := expect[*wire.TunAllow](relay); m.ID != id || m.Bytes != 4<<20 {
			t.Errorf("allowed %+v", m)
		}
		relay.send(&wire.TunTransfer{ID: id, Total: 5, Chunk: []byte("hello")})
		if m := <-got; m != "hello" {
			t.Errorf("received %q", m)
		}
		if m := expect[*wire.TunClose](relay); m.ID != id {
			t.Errorf("closed %+v", m)
		}
		relay.send(&wire.TunClosed{ID: id})
		relay.silent()
	})
}

// The confirmation takes all the room there is, and has the grant with it.
func TestTheFirstGrantIsInOneWriteWithTheConfirmation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, relay := attached(t, Service{Tunnel: func(tun *Tunnel) { <-tun.stopped }}, Config{SendQueue: 1})
		relay.send(&wire.TunOffer{ChunkLimit: testChunk})
		synctest.Wait()
		expect[*wire.TunConfirm](relay)
		expect[*wire.TunAllow](relay)
	})
}

func TestTunnelsAreRefused(t *testing.T) {
	offer := &wire.TunOffer{BuildID: 7, ChunkLimit: testChunk}
	refused := func(relay *fakeRelay) {
		expect[*wire.TunConfirm](relay)
		expect[*wire.TunAllow](relay)
		relay.send(&wire.TunClosed{ID: expect[*wire.TunClose](relay).ID})
	}
	t.Run("without a function", func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		relay.send(offer)
		refused(relay)
		if c.Stats().RefusedTunnels != 0 {
			t.Errorf("stats %+v", c.Stats())
		}
	})
	t.Run("beyond the limit", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			c, relay := attached(t, Service{Tunnel: func(*Tunnel) { <-release }}, Config{Tunnels: 2})
			for range 2 {
				relay.send(offer)
				expect[*wire.TunConfirm](relay)
				expect[*wire.TunAllow](relay)
			}
			relay.send(offer)
			refused(relay)
			if c.Stats().RefusedTunnels != 1 {
				t.Errorf("stats %+v", c.Stats())
			}
			close(release)
			for range 2 {
				relay.send(&wire.TunClosed{ID: expect[*wire.TunClose](relay).ID})
			}
			synctest.Wait()
			relay.send(offer) // there is room again
			expect[*wire.TunConfirm](relay)
			expect[*wire.TunAllow](relay)
			relay.send(&wire.TunClosed{ID: expect[*wire.TunClose](relay).ID})
			synctest.Wait()
			if c.Stats().RefusedTunnels != 1 {
				t.Errorf("stats %+v", c.Stats())
			}
		})
	})
	t.Run("chunk limit out of range", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, relay := attached(t, Service{}, Config{})
			relay.send(&wire.TunOffer{ChunkLimit: 0}, &wire.TunOffer{ChunkLimit: maxChunkLimit})
			relay.silent()
			if c.Stats().RefusedTunnels != 2 {
				t.Errorf("stats %+v", c.Stats())
			}
		})
	})
}

// Rule 24, as the one who closes: one TUN_CLOSE, after what was sent, and Close waits
// for the answer; those who send or receive are woken.
func TestTunnelClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		tun := opened(t, c, relay, 3)
		relay.send(transfer(tun, 3, "unr"), transfer(tun, 3, "ead"))
		synctest.Wait()
		if err := tun.Send(t.Context(), []byte("end")); err != nil {
			t.Error(err)
		}
		must(tun.Receive(t.Context()))
		must(tun.Receive(t.Context()))
		sending := asyncError(func() error { return tun.Send(t.Context(), []byte("x")) })
		wantError(t, tun.Send(within(t, time.Second), []byte("y")), ErrTimeout)
		receiving := async(func() ([]byte, error) { return tun.Receive(t.Context()) })
		reading := async(func() (int, error) { return tun.Read(make([]byte, 1)) })
		synctest.Wait()
		closed := [2]<-chan error{asyncError(tun.Close), asyncError(tun.Close)}
		synctest.Wait()
		if m := expect[*wire.TunTransfer](relay); string(m.Chunk) != "end" {
			t.Errorf("sent %+v", m)
		}
		expect[*wire.TunAllow](relay)
		expect[*wire.TunClose](relay)
		wantError(t, <-sending, ErrClosed)
		wantError(t, (<-receiving).err, ErrClosed)
		wantError(t, (<-reading).err, ErrClosed)
		relay.silent()
		relay.send(transfer(tun, 1, "x"), &wire.TunAllow{ID: tun.id, Bytes: 9}) // crossed
		relay.send(&wire.TunClosed{ID: tun.id})
		for _, done := range closed {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		relay.send(transfer(tun, 1, "x"), &wire.TunAllow{ID: tun.id, Bytes: 9}, &wire.TunClosed{ID: tun.id},
			&wire.TunResult{ID: tun.id, ChunkLimit: 1}) // rule 25: unknown by now
		relay.silent()
		_, err := tun.Receive(t.Context())
		wantError(t, err, ErrClosed)
		wantError(t, tun.Send(t.Context(), []byte("x")), ErrClosed)
	})
}

func TestTunnelCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{CloseTimeout: time.Second})
		tun := opened(t, c, relay, 0)
		wantError(t, tun.Close(), ErrTimeout)
		expect[*wire.TunClose](relay)
		wantError(t, tun.Close(), ErrTimeout)
		relay.silent()
	})
}

// Rule 24, as the other one: what arrived before the close is received before it,
// and nothing is sent back.
func TestTunnelIsClosedByTheOtherSide(t *testing.T) {
	for reason, want := range map[string]error{"": io.EOF, "member lost": &TunnelError{"member lost"}} {
		synctest.Test(t, func(t *testing.T) {
			c, relay := attached(t, Service{}, Config{})
			tun := opened(t, c, relay, 0)
			sending := asyncError(func() error { return tun.Send(t.Context(), []byte("x")) })
			relay.send(transfer(tun, 1, "1"), transfer(tun, 1, "2"), transfer(tun, 9, "half"),
				&wire.TunClosed{ID: tun.id, Reason: []byte(reason)})
			sent := <-sending
			synctest.Wait()
			for _, want := range []string{"1", "2"} {
				if m, err := tun.Receive(t.Context()); err != nil || string(m) != want {
					t.Errorf("received %q, %v", m, err)
				}
			}
			_, err := tun.Receive(t.Context())
			_, readErr := tun.Read(make([]byte, 1))
			if reason == "" {
				if err != io.EOF || readErr != io.EOF {
					t.Errorf("ended with %v, %v", err, readErr)
				}
				wantError(t, sent, ErrClosed)
				wantError(t, tun.Close(), nil)
			} else {
				for _, err := range []error{err, readErr, sent, tun.Close()} {
					if broken, ok := errors.AsType[*TunnelError](err); !ok || broken.Reason != reason {
						t.Errorf("ended with %v, want %v", err, want)
					}
				}
			}
			wantError(t, tun.Send(t.Context(), []byte("x")), ErrClosed)
			relay.silent()
		})
	}
}

func TestBothSidesCloseAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		tun := opened(t, c, relay, 0)
		closed := asyncError(tun.Close)
		synctest.Wait()
		relay.send(&wire.TunClosed{ID: tun.id}) // the other one's, which is our answer
		if err := <-closed; err != nil {
			t.Error(err)
		}
		expect[*wire.TunClose](relay)
		relay.silent()
	})
}

func TestALostConnectionEndsItsTunnels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handled := make(chan error, 1)
		c, relay := attached(t, Service{Tunnel: func(tun *Tunnel) {
			_, err := tun.Receive(t.Context())
			handled <- err
		}}, Config{})
		tun := opened(t, c, relay, 0)
		relay.send(&wire.TunOffer{ChunkLimit: testChunk})
		expect[*wire.TunConfirm](relay)
		expect[*wire.TunAllow](relay)
		relay.send(transfer(tun, 1, "x"))
		sending := asyncError(func() error { return tun.Send(t.Context(), []byte("x")) })
		synctest.Wait()
		_ = relay.link.Close()
		for _, err := range []error{<-handled, <-sending} {
			wantError(t, err, ErrClosed, io.ErrUnexpectedEOF)
			if errors.Is(err, io.EOF) {
				t.Error("a lost connection reads as a clean end")
			}
		}
		if m := must(tun.Receive(t.Context())); string(m) != "x" {
			t.Errorf("received %q", m)
		}
		_, err := tun.Receive(t.Context())
		wantError(t, err, ErrClosed)
		wantError(t, tun.Close(), ErrClosed)
	})
}

// What was not received takes no memory after Close.
func TestTunnelCloseDropsWhatArrived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{CloseTimeout: time.Second})
		tun := opened(t, c, relay, 0)
		relay.send(transfer(tun, 1, "x"), transfer(tun, 9, "half"))
		synctest.Wait()
		wantError(t, tun.Close(), ErrTimeout)
		expect[*wire.TunClose](relay)
		if tun.assembly.messages != nil || tun.assembly.partial != nil {
			t.Error("the messages are kept")
		}
	})
}

// Conn.Close closes tunnels before it detaches, what was sent is in front, and an
// offer that crosses is not taken.
func TestCloseClosesTunnels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		tun := opened(t, c, relay, 10)
		if err := tun.Send(t.Context(), []byte("last")); err != nil {
			t.Error(err)
		}
		closed := asyncError(c.Close)
		expect[*wire.TunTransfer](relay)
		expect[*wire.TunClose](relay)
		expect[*wire.Close](relay)
		relay.send(&wire.TunOffer{ChunkLimit: testChunk})
		relay.silent()
		relay.send(&wire.Closed{})
		if err := <-closed; err != nil {
			t.Error(err)
		}
		_, err := tun.Receive(t.Context())
		wantError(t, err, ErrClosed)
		if err := tun.Close(); err != nil {
			t.Error(err)
		}
	})
}

// Messages of many sizes, larger than the window too, through both views, to a service
// that echoes them; what comes back is what was sent.
func TestTunnelEchoes(t *testing.T) {
	node := newEchoNode(t)
	c := must(Register(t.Context(), "echo", Service{Tunnel: func(tun *Tunnel) {
		for {
			m, err := tun.Receive(context.Background())
			if err != nil || tun.Send(context.Background(), m) != nil {
				return
			}
		}
	}}, Config{Address: node.address, TunnelWindow: 100 << 10}))
	defer c.Close()
	tun := must(c.Tunnel(t.Context(), "echo"))
	for _, size := range []int{1, 2, 127, 128, echoChunk - 1, echoChunk, echoChunk + 1, 140_000, 3 << 20} {
		m := pattern(size)
		sent := asyncError(func() error { return tun.Send(t.Context(), m) })
		if got := must(tun.Receive(t.Context())); !bytes.Equal(got, m) {
			t.Errorf("%d bytes came back as %d, or other ones", size, len(got))
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
	}
	stream := pattern(3<<20 + 17)
	written := async(func() (int, error) { return tun.Write(stream) })
	got := make([]byte, len(stream))
	must(io.ReadFull(tun, got))
	if !bytes.Equal(got, stream) || (<-written).err != nil {
		t.Error("the stream came back changed")
	}
	if err := tun.Close(); err != nil {
		t.Error(err)
	}
}

// pattern returns bytes that do not repeat at a distance of a chunk.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return b
}
