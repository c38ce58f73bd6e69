package overlay

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// app is an attached application that writes down what it sees. It keeps the
// requests and tunnels that it is given, unless it was told what to do with them.
type app struct {
	*Member
	t       *testing.T
	overlay *Overlay

	// Set before it is attached. They are called from other goroutines.
	serve func(id uint64, body []byte, timeout time.Duration) error
	take  func(ctx context.Context, conn Stream) error
	event func(topic, event []byte)
	delay func() // before an answer is written down

	attached chan struct{} // closed when it is attached; may be nil

	mu       sync.Mutex
	seen     []string
	requests []uint64 // ids of those it was given
	tunnels  []Stream
	limits   []error // that it has met
}

// attach attaches an application to a cluster, or to none. Each of the options
// prepares it.
func attach(t *testing.T, o *Overlay, cluster string, options ...func(*app)) *app {
	t.Helper()
	a := &app{t: t, overlay: o}
	for _, option := range options {
		option(a)
	}
	m, err := o.Attach([]byte(cluster), a)
	if err != nil {
		t.Fatalf("attach to %q: %v", cluster, err)
	}
	a.Member = m
	if a.attached != nil {
		close(a.attached)
	}
	return a
}

// refusing makes an application refuse all requests and tunnels.
func refusing(a *app) {
	a.serve = func(uint64, []byte, time.Duration) error { return errRefused }
	a.take = func(context.Context, Stream) error { return errRefused }
}

// echoing makes an application send each request back at once.
func echoing(a *app) {
	a.serve = func(id uint64, body []byte, _ time.Duration) error {
		a.Reply(id, true, body)
		return nil
	}
}

// ask sends a request of a plain text.
func (a *app) ask(id uint64, cluster, body string, timeout time.Duration) {
	a.Request(id, []byte(cluster), []byte(body), timeout)
}

// answer replies to the i-th request that the application was given.
func (a *app) answer(i int, ok bool, text string) {
	a.t.Helper()
	a.Reply(a.request(i), ok, []byte(text))
}

// request returns the id of the i-th request that the application was given.
func (a *app) request(i int) uint64 {
	a.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if i >= len(a.requests) {
		a.t.Fatalf("only %d requests came", len(a.requests))
	}
	return a.requests[i]
}

// tunnel returns the i-th tunnel that the application has taken.
func (a *app) tunnel(i int) Stream {
	a.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if i >= len(a.tunnels) {
		a.t.Fatalf("only %d tunnels came", len(a.tunnels))
	}
	return a.tunnels[i]
}

// saw checks what the application has seen since it was asked last.
func (a *app) saw(want ...string) {
	a.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.Equal(a.seen, want) {
		a.t.Errorf("the application saw %q, want %q", a.seen, want)
	}
	a.seen = nil
}

func (a *app) note(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen = append(a.seen, fmt.Sprintf(format, args...))
}

func (a *app) HandleRequest(id uint64, body []byte, timeout time.Duration) error {
	if timeout <= 0 {
		a.t.Errorf("a request was handed over with the timeout %v", timeout)
	}
	a.note("request %s", body)
	a.mu.Lock()
	a.requests = append(a.requests, id)
	a.mu.Unlock()
	if a.serve == nil {
		return nil
	}
	return a.serve(id, body, timeout)
}

func (a *app) HandleTunnel(ctx context.Context, conn Stream) error {
	a.note("tunnel")
	if a.take != nil {
		return a.take(ctx, conn)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tunnels = append(a.tunnels, conn)
	return nil
}

func (a *app) HandleEvent(topic, event []byte) {
	a.note("event %s: %s", topic, event)
	if a.event != nil {
		a.event(topic, event)
	}
}

func (a *app) HandleReply(id uint64, reply []byte) { a.answered("%d: reply %s", id, reply) }
func (a *app) HandleFault(id uint64, text []byte)  { a.answered("%d: fault %s", id, text) }
func (a *app) HandleLimit(limit error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.limits = append(a.limits, limit)
}

func (a *app) HandleTimeout(id uint64) { a.answered("%d: timed out", id) }

func (a *app) answered(format string, args ...any) {
	if a.delay != nil {
		a.delay()
	}
	a.note(format, args...)
}

func (a *app) HandleBroadcast(message []byte) { a.note("broadcast %s", message) }

// checkIdle checks that nothing is in anybody's hands and nothing waits.
func checkIdle(t *testing.T, o *Overlay) {
	t.Helper()
	for _, m := range o.members.All() {
		u := m.Usage()
		if u.InHand != 0 {
			t.Errorf("member %p has %d requests and tunnels in hand", m, u.InHand)
		}
		if u.Served != 0 {
			t.Errorf("member %p has %d requests to answer", m, u.Served)
		}
		if u.Asked != 0 {
			t.Errorf("%d requests of member %p are open", u.Asked, m)
		}
		if u.Held != 0 || u.HeldSize != 0 {
			t.Errorf("%d requests of %d bytes are held for member %p", u.Held, u.HeldSize, m)
		}
	}
	if s := o.lookup.Stats(); s.Held != 0 || s.HeldBytes != 0 || s.Waiting != 0 {
		t.Errorf("%d requests of %d bytes are held, and %d tunnels wait", s.Held, s.HeldBytes, s.Waiting)
	}
}

// checkEmpty checks that an overlay whose members are all closed knows nothing.
func checkEmpty(t *testing.T, o *Overlay) {
	t.Helper()
	checkIdle(t, o)
	if s, left := o.lookup.Stats(), len(o.members.All()); left+s.Clusters+s.Topics != 0 {
		t.Errorf("%d members, %d clusters and %d topics are left", left, s.Clusters, s.Topics)
	}
}
