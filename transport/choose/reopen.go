package choose

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/backoff"
)

// A listener that is lost is opened again after a pause, which doubles with each
// try from 0.1 s to 10 s, also between listeners that live for less than steady.
// What does not pass within seconds waits for somebody, who will not mind 10 s.
const (
	firstPause = 100 * time.Millisecond
	maxPause   = 10 * time.Second
	steady     = time.Minute
)

// reopen listens again over a transport that does not any more, and reports
// whether it does then: not if the listener is closed before.
func (l *listener) reopen(p *part, failure error, pauses *backoff.Backoff, log *slog.Logger) bool {
	_ = p.listener.Close()
	since := time.Now()
	log = log.With("transport", p.transport.Scheme(), "addr", p.addr)
	p.lose(since, failure)
	pause := pauses.Next()
	unlogged, said := p.losses.Next(since)
	if said {
		log.Error("transport listens no more", "err", failure, "again_in", pause, "unlogged", unlogged)
	}
	news := !said
	for sleep(l.ctx, pause) {
		made, err := p.transport.Listen(l.ctx, p.addr)
		if err == nil {
			p.listener = made
			p.recover()
			if said {
				log.Info("transport listens again", "after", time.Since(since).Round(time.Millisecond))
			}
			return true
		}
		if errors.Is(err, transport.ErrClosed) {
			l.stop(transport.ErrClosed)
			return false
		}
		pause = pauses.Next()
		news = p.lose(since, err) || news
		if !news || l.ctx.Err() != nil {
			continue
		}
		if unlogged, say := p.failures.Next(time.Now()); say {
			log.Warn("transport cannot listen again yet", "err", err, "again_in", pause, "unlogged", unlogged)
			news, said = false, true
		}
	}
	return false
}

// lose notes why a part does not listen, and reports whether that is news.
func (p *part) lose(since time.Time, err error) (news bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	news = p.loss == nil || p.loss.Err.Error() != err.Error()
	p.loss = &Loss{Scheme: p.transport.Scheme(), Addr: p.addr, Since: since, Err: err}
	return news
}

func (p *part) recover() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.loss = nil
}

// sleep waits, and reports whether the context lives.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}
