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

// pace lets the senders of events and broadcasts wait for an application that is
// slower than they are, and drops for one that is much slower.
type pace struct {
	session *session
	slow    atomic.Bool   // something was dropped, and the queue has not been half empty since
	waiting atomic.Int32  // senders
	first   chan struct{} // holds one while a sender is at the head of the line

	mu      sync.Mutex
	until   time.Time // nobody waits before
	dropped uint64    // since it became slow
}

func (p *pace) init(s *session) {
	p.session = s
	p.first = make(chan struct{}, 1)
}

// begin makes room for a frame of an event or broadcast. With an error, drop has to
// be called.
func (p *pace) begin(size int) ([]byte, error) {
	s := p.session
	if p.slow.Load() && s.out.Queued() <= s.relay.config.QueueLimit/2 && s.out.Err() == nil {
		p.summary("application has caught up")
	}
	if p.waiting.Load() > 0 && p.patient() {
		return p.await(size) // behind those who were there before
	}
	b, err := s.out.Begin(size)
	if errors.Is(err, outbox.ErrFull) && p.patient() {
		return p.await(size)
	}
	return b, err
}

// patient reports whether a sender may wait. Nobody waits for an application that
// has taken nothing for that long already: of many that have stopped, each would
// cost its senders a wait of its own.
func (p *pace) patient() bool {
	if p.session.taken.stalled() >= p.session.relay.config.Patience {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return !time.Now().Before(p.until)
}

// await waits for room, in line with other senders, so that each gets its share of
// what the application takes.
func (p *pace) await(size int) ([]byte, error) {
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	ctx, cancel := context.WithTimeout(p.session.ctx, p.session.relay.config.Patience)
	defer cancel()
	b, err := p.awaitTurn(ctx, size)
	if errors.Is(err, context.DeadlineExceeded) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.until = time.Now().Add(impatience)
		err = outbox.ErrFull
	}
	return b, err
}

// awaitTurn waits to be first, and then for room. The first that there is will do:
// to wait for half of the queue would take longer than the patience for a receiver
// that is merely slower.
func (p *pace) awaitTurn(ctx context.Context, size int) ([]byte, error) {
	select {
	case p.first <- struct{}{}:
		defer func() { <-p.first }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	out := p.session.out
	for {
		if err := out.WaitBelow(ctx, p.session.relay.config.QueueLimit); err != nil {
			return nil, err
		}
		if b, err := out.Begin(size); !errors.Is(err, outbox.ErrFull) {
			return b, err
		}
	}
}

// drop counts a message that begin had no room for. What is dropped because the
// application is gone is not counted: it is no receiver any more.
func (p *pace) drop(err error, count *atomic.Uint64) {
	if !errors.Is(err, outbox.ErrFull) {
		return
	}
	count.Add(1)
	p.mu.Lock()
	p.dropped++
	p.mu.Unlock()
	if !p.slow.Swap(true) {
		s := p.session
		s.relay.warn(s.log, "application reads too slowly; events and broadcasts for it are dropped",
			"queued_bytes", s.out.Queued())
	}
}

// end notes that the session has ended.
func (p *pace) end() { p.summary("slow application is gone") }

// summary says how much a slow application has missed, when that is over.
func (p *pace) summary(text string) {
	if !p.slow.Swap(false) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.session.log.Info(text, "dropped", p.dropped)
	p.dropped = 0
}
