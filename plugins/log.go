package plugins

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"

	"golang.org/x/time/rate"
)

// Limits of what a plugin writes.
const (
	maxLine = 1 << 10 // bytes; the rest of a longer line is dropped

	linesPerSecond = 10 // in the log, and
	linesAtOnce    = 100

	// What is read of a standard stream in a second, and at once, in bytes. Who writes
	// more waits, so that reading it costs little.
	bytesPerSecond = 1 << 20
	bytesAtOnce    = 64 << 10
)

// A lineLog writes lines to a log, not too many. It may be written to by several
// goroutines.
type lineLog struct {
	logger *slog.Logger
	rate   *rate.Limiter

	mu      sync.Mutex
	line    []byte // the one that has no end yet
	dropped uint64 // lines since the last one that was logged
}

func newLineLog(logger *slog.Logger) *lineLog {
	return &lineLog{logger: logger, rate: rate.NewLimiter(linesPerSecond, linesAtOnce)}
}

// Write logs the lines that end in b. It never fails.
func (l *lineLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for rest := b; ; {
		line, after, ends := bytes.Cut(rest, []byte("\n"))
		l.line = append(l.line, line[:min(len(line), maxLine-len(l.line))]...)
		if !ends {
			return len(b), nil
		}
		l.say()
		rest = after
	}
}

// flush logs a last line that has no end.
func (l *lineLog) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.say()
}

func (l *lineLog) say() {
	line := strings.ToValidUTF8(string(bytes.TrimSpace(l.line)), "\ufffd")
	l.line = l.line[:0]
	switch {
	case line == "":
	case l.rate.Allow():
		l.logger.Info("plugin says", "line", line, "unlogged", l.dropped)
		l.dropped = 0
	default:
		l.dropped++
	}
}

// A slowReader reads no faster than bytesPerSecond.
type slowReader struct {
	io.Reader
	ctx  context.Context // ends the waiting
	rate *rate.Limiter
}

func slowly(ctx context.Context, r io.Reader) *slowReader {
	return &slowReader{r, ctx, rate.NewLimiter(bytesPerSecond, bytesAtOnce)}
}

// Read waits after it has read.
func (s *slowReader) Read(b []byte) (int, error) {
	n, err := s.Reader.Read(b[:min(len(b), bytesAtOnce)])
	_ = s.rate.WaitN(s.ctx, n)
	return n, err
}
