package relay

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/transport/outbox"
)

// impatience is how long nobody waits for an application that was too slow.
const impatience = 10 * time.Second

// throttle slows the senders of events and broadcasts down to an application that is
// slower than they are: they wait for room in its queue. For one that is much slower it
// drops.
type throttle struct {
	session *session
	slow    atomic.Bool   // something was dropped, and the queue has not been half empty since
	waiting atomic.Int32  // senders
	first   chan struct{} // holds one while a sender is at the head of the line

	mu      sync.Mutex
	until   time.Time // nobody waits before
	dropped uint64    // since it became slow
}

func (t *throttle) init(s *session) {
	t.session = s
	t.first = make(chan struct{}, 1)
}

// begin makes room for a frame of an event or broadcast. With an error, drop has to
// be called.
func (t *throttle) begin(size int) ([]byte, error) { return t.add(addition{size: size}) }

// share adds a frame that others may hold too, as begin and a commit would.
func (t *throttle) share(shared *outbox.Shared, f outbox.Frame) error {
	_, err := t.add(addition{f.Size(), shared, f})
	return err
}

// addition is a frame of a size, to be encoded by the caller or held with others.
type addition struct {
	size   int
	shared *outbox.Shared // nil: by the caller
	frame  outbox.Frame
}

// to is how it gets into a queue. Nothing is left to do for one that is shared.
func (a addition) to(q *outbox.Queue) ([]byte, error) {
	if a.shared != nil {
		return nil, q.AddShared(a.shared, a.frame)
	}
	return q.Begin(a.size)
}

// add makes room for a frame: it waits for that, as long as the application deserves it.
func (t *throttle) add(a addition) ([]byte, error) {
	s := t.session
	if t.slow.Load() && s.out.Queued() <= s.limits.queue/2 && s.out.Err() == nil {
		t.summary("application has caught up")
	}
	if t.waiting.Load() > 0 && t.patient() {
		return t.await(a) // behind those who were there before
	}
	b, err := a.to(&s.out.Bulk)
	if errors.Is(err, outbox.ErrFull) && t.patient() {
		return t.await(a)
	}
	if outOfMemory(err) && (s.out.Queued() == 0 || t.patient()) && s.memory.await(s.relay.config.Patience, a.size) == nil {
		return a.to(&s.out.Bulk)
	}
	return b, err
}

// patient reports whether a sender may wait. Nobody waits for an application that
// has taken nothing for that long already: of many that have stopped, each would
// cost its senders a wait of its own.
func (t *throttle) patient() bool {
	if t.session.taken.stalled() >= t.session.relay.config.Patience {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return !time.Now().Before(t.until)
}

// await waits for room, in line with other senders, so that each gets its share of
// what the application takes.
func (t *throttle) await(a addition) ([]byte, error) {
	t.waiting.Add(1)
	defer t.waiting.Add(-1)
	ctx, cancel := context.WithTimeout(t.session.ctx, t.session.relay.config.Patience)
	defer cancel()
	b, err := t.awaitTurn(ctx, a)
	if errors.Is(err, context.DeadlineExceeded) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.until = time.Now().Add(impatience)
		err = outbox.ErrFull
	}
	return b, err
}

// awaitTurn waits to be first, and then for room. The first that there is will do:
// to wait for half of the queue would take longer than the patience for a receiver
// that is merely slower.
func (t *throttle) awaitTurn(ctx context.Context, a addition) ([]byte, error) {
	select {
	case t.first <- struct{}{}:
		defer func() { <-t.first }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	out := t.session.out
	for {
		if err := out.Bulk.WaitBelow(ctx, t.session.limits.queue); err != nil {
			return nil, err
		}
		if b, err := a.to(&out.Bulk); !errors.Is(err, outbox.ErrFull) {
			return b, err
		}
	}
}

// drop counts a message that begin had no room for, among all and among the application's own. What is dropped because the
// application is gone is not counted: it is no receiver any more.
func (t *throttle) drop(err error, all, own *atomic.Uint64) {
	if !errors.Is(err, outbox.ErrFull) && !outOfMemory(err) {
		return
	}
	all.Add(1)
	own.Add(1)
	t.mu.Lock()
	t.dropped++
	t.mu.Unlock()
	if !t.slow.Swap(true) {
		s := t.session
		s.relay.warn(s.log, "application reads too slowly; events and broadcasts for it are dropped",
			"queued_bytes", s.out.Queued(), "err", err.Error())
	}
}

// end notes that the session has ended.
func (t *throttle) end() { t.summary("slow application is gone") }

// summary says how much a slow application has missed, when that is over. It is not over before
// there is a line for it: one that takes little now and then is slow all the time.
func (t *throttle) summary(text string) {
	if !t.slow.Load() || !t.session.relay.warnings.Allow() || !t.slow.Swap(false) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.session.log.Info(text, "dropped", t.dropped)
	t.dropped = 0
}
