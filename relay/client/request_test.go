package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay/wire"
)

func TestRequestGetsItsAnswer(t *testing.T) {
	for _, row := range []struct {
		name   string
		answer wire.Result
		reply  string
		err    error
	}{
		{"reply", wire.Result{OK: true, Body: []byte("pong")}, "pong", nil},
		{"empty reply", wire.Result{OK: true}, "", nil},
		{"fault", wire.Result{Body: []byte("broken")}, "", &FaultError{Text: "broken"}},
		{"empty fault", wire.Result{}, "", &FaultError{}},
		{"timed out", wire.Result{TimedOut: true}, "", ErrTimeout},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, relay := attached(t, Service{}, Config{})
			done := async(func() ([]byte, error) { return c.Request(t.Context(), "echo", []byte("ping")) })
			m := expect[*wire.Request](relay)
			if string(m.Cluster) != "echo" || string(m.Body) != "ping" {
				t.Errorf("sent %+v", m)
			}
			row.answer.ID = m.ID
			relay.send(&row.answer)
			got := <-done
			if string(got.value) != row.reply || (got.value == nil) != (row.err != nil) {
				t.Errorf("reply is %q", got.value)
			}
			if fault, ok := row.err.(*FaultError); ok {
				if have, ok := errors.AsType[*FaultError](got.err); !ok || *have != *fault {
					t.Errorf("error is %#v, want %#v", got.err, fault)
				}
				return
			}
			wantError(t, got.err, row.err)
		})
	}
}

// A deadline is sent in milliseconds, rounded up, and is never 0, which the node
// answers at once.
func TestRequestSendsItsDeadline(t *testing.T) {
	for _, row := range []struct {
		deadline time.Duration // 0: none
		want     uint64
	}{
		{0, 30_000},
		{time.Nanosecond, 1},
		{time.Millisecond, 1},
		{time.Millisecond + 1, 2},
		{1500 * time.Millisecond, 1500},
		{48 * time.Hour, 48 * 3600 * 1000},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, relay := attached(t, Service{}, Config{})
			ctx := t.Context()
			if row.deadline != 0 {
				ctx = within(t, row.deadline)
			}
			done := async(func() ([]byte, error) { return c.Request(ctx, "echo", nil) })
			m := expect[*wire.Request](relay)
			if m.Timeout != row.want {
				t.Errorf("deadline %v: timeout is %d ms, want %d", row.deadline, m.Timeout, row.want)
			}
			relay.send(&wire.Result{ID: m.ID, TimedOut: true})
			wantError(t, (<-done).err, ErrTimeout)
		})
	}
}

// With FailFast the node is told so first, and what it says before the deadline is that there
// is nobody. Without, it says nothing of the kind.
func TestRequestsFailFast(t *testing.T) {
	for _, fast := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			c, n, relay := reconnecting(t, Service{}, Config{FailFast: fast})
			if fast {
				expectFailFast(relay)
			}
			want := map[bool]error{true: ErrNobody, false: ErrTimeout}[fast]
			_, err := timedOutAfter(t, c, relay, 999*time.Millisecond)
			wantError(t, err, want)
			_, err = timedOutAfter(t, c, relay, time.Second)
			wantError(t, err, ErrTimeout)
			_ = relay.link.Close()
			relay = <-n.relays
			if fast {
				expectFailFast(relay)
			}
			relay.silent()
		})
	}
}

func expectFailFast(r *fakeRelay) {
	if m := expect[*wire.Reply](r); m.ID != wire.OptionID || !m.OK || string(m.Body) != wire.OptionFailFast {
		r.t.Errorf("the first frame is %+v", m)
	}
}

// timedOutAfter asks for a second, and is answered with "timed out" after a time.
func timedOutAfter(t *testing.T, c *Conn, relay *fakeRelay, after time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	done := async(func() ([]byte, error) { return c.Request(ctx, "nobody", nil) })
	m := expect[*wire.Request](relay)
	time.Sleep(after)
	relay.send(&wire.Result{ID: m.ID, TimedOut: true})
	r := <-done
	return r.value, r.err
}

func TestRequestEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		go relay.discard()
		start := time.Now()
		_, err := c.Request(within(t, time.Second), "echo", nil)
		wantError(t, err, ErrTimeout, context.DeadlineExceeded)
		if took := time.Since(start); took != time.Second {
			t.Errorf("took %v", took)
		}

		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err = c.Request(ctx, "echo", nil)
		wantError(t, err, context.Canceled)
		if errors.Is(err, ErrTimeout) {
			t.Error("a cancelled request timed out")
		}
	})
}

// A late reply, a second one and one for an id that never was are ignored, whatever
// has become of the place where the first one waited.
func TestLateRepliesAreIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		ctx, cancel := context.WithCancel(t.Context())
		first := async(func() ([]byte, error) { return c.Request(ctx, "echo", nil) })
		late := *expect[*wire.Request](relay)
		cancel()
		wantError(t, (<-first).err, context.Canceled)

		second := async(func() ([]byte, error) { return c.Request(t.Context(), "echo", nil) })
		m := expect[*wire.Request](relay)
		if m.ID == late.ID {
			t.Errorf("id %d is used again", m.ID)
		}
		relay.send(
			&wire.Result{ID: late.ID, OK: true, Body: []byte("late")},
			&wire.Result{ID: 99, OK: true, Body: []byte("never asked")},
			&wire.Result{ID: m.ID, OK: true, Body: []byte("right")},
			&wire.Result{ID: m.ID, OK: true, Body: []byte("again")},
		)
		if got := <-second; string(got.value) != "right" || got.err != nil {
			t.Errorf("got %q, %v", got.value, got.err)
		}
		synctest.Wait()
		if n := c.Stats().LateReplies; n != 3 {
			t.Errorf("%d late replies, want 3", n)
		}
	})
}

func TestRepliesMayComeInAnyOrder(t *testing.T) {
	c, relay := attached(t, Service{}, Config{})
	const n = 100
	var done [n]<-chan result[[]byte]
	for i := range done {
		done[i] = async(func() ([]byte, error) { return c.Request(t.Context(), "echo", []byte{byte(i)}) })
	}
	answers := make([]wire.Message, n)
	for i := range answers {
		m := expect[*wire.Request](relay)
		answers[n-1-i] = &wire.Result{ID: m.ID, OK: true, Body: bytes.Clone(m.Body)}
	}
	relay.send(answers...)
	for i := range done {
		if got := <-done[i]; got.err != nil || !bytes.Equal(got.value, []byte{byte(i)}) {
			t.Errorf("request %d got %v, %v", i, got.value, got.err)
		}
	}
}

func TestALostConnectionFailsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		done := async(func() ([]byte, error) { return c.Request(t.Context(), "echo", nil) })
		expect[*wire.Request](relay)
		if err := c.Err(); err != nil {
			t.Errorf("error of a live connection: %v", err)
		}
		_ = relay.link.Close()
		err := (<-done).err
		wantError(t, err, ErrClosed, io.ErrUnexpectedEOF)
		if errors.Is(err, io.EOF) {
			t.Error("a lost connection reads as a clean end")
		}
		<-c.Done()
		wantError(t, c.Err(), ErrClosed, io.ErrUnexpectedEOF)
		_, err = c.Request(t.Context(), "echo", nil)
		wantError(t, err, ErrClosed)
		wantError(t, c.Publish(t.Context(), "topic", nil), ErrClosed)
		wantError(t, c.Close(), ErrClosed)
	})
}

func TestABrokenNodeIsNamed(t *testing.T) {
	c, relay := attached(t, Service{}, Config{})
	_, _ = relay.link.Write([]byte{0x42})
	<-c.Done()
	wantError(t, c.Err(), ErrClosed, wire.ErrOpcode)

	c, relay = attached(t, Service{}, Config{})
	relay.send(&wire.Accept{Version: []byte(wire.Version)})
	<-c.Done()
	if err := c.Err(); !errors.Is(err, ErrClosed) || err.Error() != "closed: the node sent INIT out of turn" {
		t.Errorf("ended by %v", err)
	}
}

// A node that does not read makes senders wait for room, as long as their context
// lets them, and nothing is lost. Requests and the like have room of their own, and go before
// events that have not been written yet.
func TestSendersWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{SendQueue: 1000})
		event := make([]byte, 500)
		sent := 0
		for {
			err := c.Publish(within(t, time.Second), "topic", event)
			if err != nil {
				wantError(t, err, ErrTimeout)
				break
			}
			sent++
		}
		if _, err := c.Subscribe(within(t, time.Second), "topic", func([]byte) {}); err != nil {
			t.Errorf("a subscription waits behind events: %v", err)
		}
		for range 2 { // which fill their queue, and are not answered
			_, err := c.Request(within(t, time.Second), "echo", event)
			wantError(t, err, ErrTimeout)
		}
		_, err := c.Request(within(t, time.Second), "echo", nil)
		wantError(t, err, ErrTimeout)
		_, err = c.Subscribe(within(t, time.Second), "other", func([]byte) {})
		wantError(t, err, ErrTimeout)
		_, err = c.Tunnel(within(t, time.Second), "echo")
		wantError(t, err, ErrTimeout)

		blocked := asyncError(func() error { return c.Publish(t.Context(), "topic", event) })
		var order strings.Builder
		for range sent + 1 + 3 {
			m, err := relay.reader.Read()
			if err != nil {
				t.Fatal(err)
			}
			order.WriteString(m.Op().String()[:1])
		}
		first, rest, _ := strings.Cut(order.String(), "SRR") // behind what was being written
		if strings.Trim(first+rest, "P") != "" || len(first) > 2 {
			t.Errorf("the node got %s", &order)
		}
		if err := <-blocked; err != nil {
			t.Error(err)
		}
		relay.silent()
		if sent < 2 || sent > 4 {
			t.Errorf("%d events of 500 bytes fit into a queue of 1000", sent)
		}
	})
}

func TestWhatIsTooLargeIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{MaxMessage: 10})
		ctx, long, name := t.Context(), make([]byte, 11), strings.Repeat("x", maxName+1)
		_, err := c.Request(ctx, "echo", long)
		wantError(t, err, ErrTooLarge)
		_, err = c.Request(ctx, name, nil)
		wantError(t, err, ErrTooLarge)
		_, err = c.Subscribe(ctx, name, func([]byte) {})
		wantError(t, err, ErrTooLarge)
		_, err = c.Tunnel(ctx, name)
		wantError(t, err, ErrTooLarge)
		wantError(t, c.Broadcast(ctx, "echo", long), ErrTooLarge)
		wantError(t, c.Publish(ctx, "topic", long), ErrTooLarge)
		wantError(t, c.Publish(ctx, name, nil), ErrTooLarge)
		relay.silent()
	})
}

func TestAnExpiredContextSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := c.Request(ctx, "echo", nil)
		wantError(t, err, context.Canceled)
		_, err = c.Tunnel(ctx, "echo")
		wantError(t, err, context.Canceled)
		relay.silent()
	})
}
