package node

import (
	"log"
	"log/slog"
	"strings"
	"sync"

	"golang.org/x/time/rate"
)

// What the admin server says of requests is logged at most at this rate, in lines a second,
// after so many at once: whoever can reach it may cause a line with every request.
const (
	adminLines       = 1
	adminLinesAtOnce = 10
	// adminLine is how much of one is logged, in bytes. Of a panic that is the place.
	adminLine = 2 << 10
)

// An adminLog takes what the HTTP server of the standard library writes to its logger, and
// logs it as the node does. It may be used by several goroutines.
type adminLog struct {
	logger *slog.Logger
	rate   *rate.Limiter

	mu       sync.Mutex
	unlogged uint64 // lines since the last one that was logged
}

// newAdminLog returns the logger for the server.
func newAdminLog(logger *slog.Logger) *log.Logger {
	return log.New(&adminLog{logger: logger, rate: rate.NewLimiter(adminLines, adminLinesAtOnce)}, "", 0)
}

// Write logs one message. It never fails.
func (l *adminLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.rate.Allow() {
		l.unlogged++
		return len(b), nil
	}
	text := strings.ToValidUTF8(strings.TrimSpace(string(b[:min(len(b), adminLine)])), "\ufffd")
	l.logger.Warn("admin server has trouble", "detail", text, "unlogged", l.unlogged)
	l.unlogged = 0
	return len(b), nil
}
