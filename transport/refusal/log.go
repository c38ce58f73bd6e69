// Package refusal writes down the peers that a transport turned away, so that
// they cannot fill the log: a line a minute, with a count of those that had
// none.
package refusal

import (
	"log/slog"
	"sync"
	"time"
)

// Interval is the least time between two lines.
const Interval = time.Minute

// A Log counts refusals and logs some of them. The zero value is not of use;
// see NewLog. Its methods may be called by any goroutine.
type Log struct {
	logger *slog.Logger
	scheme string

	mu     sync.Mutex
	last   time.Time // of the last line
	silent uint64    // refusals since, that had no line
	total  uint64
}

// NewLog returns a log of refusals by the transport with that scheme.
func NewLog(logger *slog.Logger, scheme string) *Log {
	return &Log{logger: logger, scheme: scheme}
}

// Note counts a refusal, and logs it if the last line is old enough.
func (l *Log) Note(remoteAddr string, err error) {
	unsaid, say := l.count(time.Now())
	if !say {
		return
	}
	l.logger.Warn("peer refused", "transport", l.scheme, "remote", remoteAddr, "error", err, "unlogged", unsaid)
}

// Total is how many were refused.
func (l *Log) Total() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.total
}

func (l *Log) count(now time.Time) (unsaid uint64, say bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.total++
	if !l.last.IsZero() && now.Sub(l.last) < Interval {
		l.silent++
		return 0, false
	}
	unsaid, l.silent = l.silent, 0
	l.last = now
	return unsaid, true
}
