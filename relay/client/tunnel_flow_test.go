package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay/wire"
)

// Rules 19 to 21 from the sender's side: a chunk is sent when the allowance covers
// it; the first one carries the total.
func TestSendWaitsForAllowance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		tun := opened(t, c, relay, testChunk)
		m := pattern(2*testChunk + 500)
		done := asyncError(func() error { return tun.Send(t.Context(), m) })
		chunk := func(total uint64, want []byte) {
			t.Helper()
			got := expect[*wire.TunTransfer](relay)
			if got.ID != tun.id || got.Total != total || !bytes.Equal(got.Chunk, want) {
				t.Errorf("sent %d bytes of %d, want %d of %d", len(got.Chunk), got.Total, len(want), total)
			}
		}
		chunk(uint64(len(m)), m[:testChunk])
		relay.send(&wire.TunAllow{ID: tun.id, Bytes: testChunk - 1})
		relay.silent()
		relay.send(&wire.TunAllow{ID: tun.id}) // nothing more is legal
		relay.silent()
		relay.send(&wire.TunAllow{ID: tun.id, Bytes: 1})
		chunk(0, m[testChunk:2*testChunk])
		relay.silent()
		relay.send(&wire.TunAllow{ID: tun.id, Bytes: 1 << 63}, &wire.TunAllow{ID: tun.id, Bytes: 1 << 63})
		chunk(0, m[2*testChunk:])
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Rule 21: a sender whose context ends stops; its next message begins anew.
func TestSendStopsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		tun := opened(t, c, relay, testChunk)
		start := time.Now()
		wantError(t, tun.Send(within(t, time.Second), pattern(testChunk+1)), ErrTimeout, context.DeadlineExceeded)
		if took := time.Since(start); took != time.Second {
			t.Errorf("took %v", took)
		}
		expect[*wire.TunTransfer](relay)
		relay.send(&wire.TunAllow{ID: tun.id, Bytes: testChunk})
		if err := tun.Send(t.Context(), []byte("next")); err != nil {
			t.Error(err)
		}
		if m := expect[*wire.TunTransfer](relay); m.Total != 4 || string(m.Chunk) != "next" {
			t.Errorf("sent %+v", m)
		}
		wantError(t, tun.Send(t.Context(), nil), ErrEmpty)
		relay.silent()
	})
}

// Whoever waits for its turn stops with its context, too.
func TestTurnsEndWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		tun := opened(t, c, relay, 0)
		go func() { _, _ = tun.Receive(t.Context()) }()
		go func() { _ = tun.Send(t.Context(), []byte("x")) }()
		synctest.Wait()
		_, err := tun.Receive(within(t, time.Second))
		wantError(t, err, ErrTimeout)
		wantError(t, tun.Send(within(t, time.Second), []byte("x")), ErrTimeout)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		relay.send(&wire.TunAllow{ID: tun.id, Bytes: 100})
		expect[*wire.TunTransfer](relay)
		wantError(t, tun.Send(ctx, []byte("x")), context.Canceled)
		relay.silent()
	})
}

func TestSendIsBounded(t *testing.T) {
	c, relay := attached(t, Service{}, Config{MaxMessage: 10})
	tun := opened(t, c, relay, testChunk)
	wantError(t, tun.Send(t.Context(), make([]byte, 11)), ErrTooLarge)
}

// Each message and each Write is sent whole.
func TestSendersDoNotMix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		tun := opened(t, c, relay, 0)
		const senders, length = 8, 3*testChunk - 1
		for i := range senders {
			m := bytes.Repeat([]byte{byte(i)}, length)
			go func() {
				if i%2 == 0 {
					_ = tun.Send(t.Context(), m)
				} else {
					_, _ = tun.Write(m)
				}
			}()
		}
		for range senders {
			var sender []byte
			for range 3 {
				synctest.Wait() // all of them wait for allowance, for one chunk at a time
				relay.send(&wire.TunAllow{ID: tun.id, Bytes: testChunk})
				m := expect[*wire.TunTransfer](relay)
				sender = append(sender, m.Chunk...)
			}
			if len(sender) != length || len(slices.Compact(sender)) != 1 {
				t.Errorf("%d bytes of %d senders together", len(sender), len(slices.Compact(sender)))
			}
		}
	})
}

// Rule 26, and 20 from the receiver's side: a message larger than the window is put
// together while nobody takes it, and stops nothing else.
func TestReceiveAMessageLargerThanTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{TunnelWindow: testChunk})
		tun := opened(t, c, relay, 0)
		m := pattern(10*testChunk + 1)
		total := len(m)
		for rest := m; len(rest) > 0; total = 0 {
			n := min(testChunk, len(rest))
			relay.send(transfer(tun, total, string(rest[:n])))
			rest = rest[n:]
		}
		done := async(func() ([]byte, error) { return c.Request(t.Context(), "echo", nil) })
		relay.send(&wire.Result{ID: expect[*wire.Request](relay).ID, OK: true})
		if err := (<-done).err; err != nil {
			t.Error(err)
		}
		if got := must(tun.Receive(t.Context())); !bytes.Equal(got, m) {
			t.Errorf("received %d bytes, or other ones", len(got))
		}
		if got := expect[*wire.TunAllow](relay); got.ID != tun.id || got.Bytes != uint64(len(m)) {
			t.Errorf("granted %+v", got)
		}
	})
}

// What is granted sums up to what was taken. A quarter of the window is saved up,
// but not while the application waits for more.
func TestGrantsAreExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{TunnelWindow: 4 * testChunk})
		tun := opened(t, c, relay, 0)
		for range 12 {
			relay.send(transfer(tun, 300, strings.Repeat("x", 300)))
		}
		synctest.Wait()
		for range 11 {
			must(tun.Receive(t.Context()))
		}
		for _, want := range []uint64{1200, 1200} {
			if got := expect[*wire.TunAllow](relay); got.Bytes != want {
				t.Errorf("granted %d, want %d", got.Bytes, want)
			}
		}
		relay.silent()
		n, err := tun.Read(make([]byte, 299)) // not all of the message
		if n != 299 || err != nil {
			t.Errorf("read %d, %v", n, err)
		}
		relay.silent()
		if m := must(tun.Receive(t.Context())); len(m) != 1 {
			t.Errorf("received the %d bytes that were left", len(m))
		}
		if got := expect[*wire.TunAllow](relay); got.Bytes != 1200 {
			t.Errorf("granted %d", got.Bytes)
		}
		relay.send(transfer(tun, 1, "y"))
		synctest.Wait()
		must(tun.Receive(t.Context()))
		relay.silent()
		waiting := async(func() ([]byte, error) { return tun.Receive(within(t, time.Minute)) })
		if got := expect[*wire.TunAllow](relay); got.Bytes != 1 {
			t.Errorf("granted %d", got.Bytes)
		}
		wantError(t, (<-waiting).err, ErrTimeout)
	})
}

// Rules 21 and 22: a message that is begun anew, a continuation of nothing and an
// empty chunk deliver nothing, and their bytes are granted again, even to a
// receiver that waits already.
func TestWhatIsNoMessageIsGrantedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		tun := opened(t, c, relay, 0)
		receiving := async(func() ([]byte, error) { return tun.Receive(t.Context()) })
		relay.send(transfer(tun, 0, "orphan"))
		if got := expect[*wire.TunAllow](relay); got.Bytes != 6 {
			t.Errorf("granted %d", got.Bytes)
		}
		relay.send(transfer(tun, 0, ""), transfer(tun, 100, "given"), transfer(tun, 0, "up"), transfer(tun, 6, "who"))
		if got := expect[*wire.TunAllow](relay); got.Bytes != 7 {
			t.Errorf("granted %d", got.Bytes)
		}
		relay.send(transfer(tun, 0, ""), transfer(tun, 0, "le!"))
		if got := <-receiving; string(got.value) != "whole!" || got.err != nil {
			t.Errorf("received %q, %v", got.value, got.err)
		}
	})
}

// What a node must not send ends the tunnel, exactly once and only that one. Whole
// messages that came before are still received.
func TestTunnelEndsForWhatTheNodeGotWrong(t *testing.T) {
	big := strings.Repeat("x", testChunk)
	for _, row := range []struct {
		name   string
		frames func(tun *Tunnel) []wire.Message
		want   error
	}{
		{"message over the limit", func(tun *Tunnel) []wire.Message {
			return []wire.Message{transfer(tun, 5*testChunk+1, big)}
		}, ErrTooLarge},
		{"length that claims the most", func(tun *Tunnel) []wire.Message {
			return []wire.Message{&wire.TunTransfer{ID: tun.id, Total: 1<<64 - 1, Chunk: []byte("x")}}
		}, ErrTooLarge},
		{"more than its total", func(tun *Tunnel) []wire.Message {
			return []wire.Message{transfer(tun, 2, "a"), transfer(tun, 0, "bc")}
		}, errOverfull},
		{"more than the allowance", func(tun *Tunnel) []wire.Message {
			return []wire.Message{transfer(tun, testChunk, big), transfer(tun, testChunk, big)}
		}, errOverrun},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, relay := attached(t, Service{}, Config{TunnelWindow: 2 * testChunk, MaxMessage: 5 * testChunk})
				tun := opened(t, c, relay, 0)
				relay.send(transfer(tun, 1, "1"))
				for _, m := range row.frames(tun) {
					relay.send(m)
				}
				expect[*wire.TunClose](relay)
				relay.send(transfer(tun, 1, "x"))
				for {
					m, err := tun.Receive(t.Context())
					if err != nil {
						wantError(t, err, row.want)
						break
					}
					if string(m) != "1" && string(m) != big {
						t.Errorf("received %q", m)
					}
				}
				if err := tun.Send(t.Context(), []byte("x")); !errors.Is(err, row.want) {
					t.Errorf("sent: %v", err)
				}
				relay.send(&wire.TunClosed{ID: tun.id})
				if err := tun.Close(); err != nil {
					t.Error(err)
				}
				relay.silent()
				if c.Err() != nil {
					t.Error("the connection ended, too")
				}
			})
		})
	}
}

func TestReadAndWriteAreAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		tun := opened(t, c, relay, 1<<20)
		relay.send(transfer(tun, 5, "hello"), transfer(tun, 3, "you"), transfer(tun, 3, "all"))
		synctest.Wait()
		var got []string
		buf := make([]byte, 4)
		for range 3 {
			n := must(tun.Read(buf))
			got = append(got, string(buf[:n]))
		}
		got = append(got, string(must(tun.Receive(t.Context()))))
		if fmt.Sprint(got) != "[hell o you all]" {
			t.Errorf("read %q", got)
		}
		if n, err := tun.Read(nil); n != 0 || err != nil {
			t.Errorf("read %d, %v into nothing", n, err)
		}
		if n, err := tun.Write(nil); n != 0 || err != nil {
			t.Errorf("wrote %d, %v of nothing", n, err)
		}
		n, err := tun.Write(pattern(2*testChunk + 1))
		if n != 2*testChunk+1 || err != nil {
			t.Errorf("wrote %d, %v", n, err)
		}
		for _, want := range []int{testChunk, testChunk, 1} {
			if m := expect[*wire.TunTransfer](relay); m.Total != uint64(want) || len(m.Chunk) != want {
				t.Errorf("sent %d of %d bytes, want %d", len(m.Chunk), m.Total, want)
			}
		}
	})
}

func TestWriteSaysWhatWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		tun := opened(t, c, relay, 2*testChunk)
		done := async(func() (int, error) { return tun.Write(pattern(5 * testChunk)) })
		expect[*wire.TunTransfer](relay)
		expect[*wire.TunTransfer](relay)
		relay.send(&wire.TunClosed{ID: tun.id})
		got := <-done
		wantError(t, got.err, ErrClosed)
		if got.value != 2*testChunk {
			t.Errorf("wrote %d", got.value)
		}
	})
}

// A receiver that is owed a grant when nothing can be sent grants when it waits.
func TestGrantsWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{SendQueue: 100})
		tun := opened(t, c, relay, 1<<20)
		relay.send(transfer(tun, testChunk, string(pattern(testChunk))))
		synctest.Wait() // until the queue is empty
		sent := 0
		for c.Publish(within(t, time.Second), "t", make([]byte, 90)) == nil {
			sent++
		}
		must(tun.Receive(t.Context()))
		_, err := tun.Receive(within(t, time.Second))
		wantError(t, err, ErrTimeout)
		waiting := async(func() ([]byte, error) { return tun.Receive(t.Context()) })
		for range sent {
			expect[*wire.Publish](relay)
		}
		if got := expect[*wire.TunAllow](relay); got.Bytes != testChunk {
			t.Errorf("granted %d", got.Bytes)
		}
		relay.send(transfer(tun, 1, "x"))
		if got := <-waiting; string(got.value) != "x" {
			t.Errorf("received %q, %v", got.value, got.err)
		}
	})
}
