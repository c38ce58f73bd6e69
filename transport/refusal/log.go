// Package refusal writes down the peers that a transport turned away, so that
// they cannot fill the log: a line a minute, with a count of those that had
// none.
package refusal

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/transport"
)

// Interval is the least time between two lines.
const Interval = time.Minute

// A Log counts refusals and logs some of them. The zero value is not of use;
// see NewLog. Its methods may be called by any goroutine.
type Log struct {
	logger *slog.Logger
	scheme string
	total  atomic.Uint64

	// Nodes of the network that are too old or too new have lines of their own, so that
	// strangers cannot keep them out of the log.
	strangers, versions Throttle
}

// NewLog returns a log of refusals by the transport with that scheme.
func NewLog(logger *slog.Logger, scheme string) *Log {
	return &Log{logger: logger, scheme: scheme}
}

// Note counts a refusal, and logs it if the last line is old enough. A peer that gave up
// itself, as one does that has got a link by another dial, is nothing to worry about.
func (l *Log) Note(remoteAddr string, err error) {
	if closed, ok := errors.AsType[*transport.ClosedError](err); ok && closed.Code == transport.CodeNone {
		l.logger.Debug("peer gave up", "transport", l.scheme, "addr", remoteAddr, "err", err)
		return
	}
	l.total.Add(1)
	throttle := &l.strangers
	if errors.Is(err, transport.ErrVersion) {
		throttle = &l.versions
	}
	if unsaid, say := throttle.Next(time.Now()); say {
		l.logger.Warn("peer refused", "transport", l.scheme, "addr", remoteAddr, "err", err, "unlogged", unsaid)
	}
}

// Total is how many were refused.
func (l *Log) Total() uint64 { return l.total.Load() }

// A Throttle lets a line through each Interval and counts those in between. The zero value
// is ready. It may be used by any goroutine.
type Throttle struct {
	mu     sync.Mutex
	last   time.Time // of the last line
	silent uint64    // since then
}

// Next reports whether to write a line now, and how many were not written before it.
func (p *Throttle) Next(now time.Time) (unsaid uint64, say bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.last.IsZero() && now.Sub(p.last) < Interval {
		p.silent++
		return 0, false
	}
	unsaid, p.silent = p.silent, 0
	p.last = now
	return unsaid, true
}
