package relay

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/relay/internal/outbox"
)

// impatience is how long nobody waits for an application that was too slow.
const impatience = 10 * time.Second

// pace lets the senders of events and broadcasts wait for an application that is a
// little slower than they are, and drops for one that is much slower.
type pace struct {
	session *session

	mu      sync.Mutex
	slow    bool      // something was dropped, and the queue has not been half empty since
	until   time.Time // nobody waits before
	dropped uint64    // since it became slow
}

func (p *pace) init(s *session) { p.session = s }

// begin makes room for a frame of an event or broadcast. With an error, drop has to
// be called.
func (p *pace) begin(size int) ([]byte, error) {
	b, err := p.session.out.Begin(size)
	if !errors.Is(err, outbox.ErrFull) || !p.wait() {
		return b, err
	}
	return p.session.out.Begin(size)
}

// wait waits for the queue to be half empty, and reports whether it is.
func (p *pace) wait() bool {
	s := p.session
	p.mu.Lock()
	impatient := time.Now().Before(p.until)
	p.mu.Unlock()
	if impatient {
		return false
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.relay.config.Patience)
	defer cancel()
	if err := s.out.WaitRoom(ctx); err == nil {
		p.caughtUp()
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = time.Now().Add(impatience)
	return false
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
	first := !p.slow
	p.slow = true
	p.mu.Unlock()
	if first {
		s := p.session
		s.relay.warn(s.log, "application reads too slowly; events and broadcasts for it are dropped",
			"queued_bytes", s.out.Queued())
	}
}

// caughtUp notes that there is room again.
func (p *pace) caughtUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.summary("application has caught up")
}

// end notes that the session has ended.
func (p *pace) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.summary("slow application is gone")
}

// summary says how much a slow application has missed. The lock is held.
func (p *pace) summary(text string) {
	if !p.slow {
		return
	}
	s := p.session
	s.log.Info(text, "dropped", p.dropped)
	p.slow, p.dropped = false, 0
}
