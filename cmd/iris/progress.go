package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// progressPeriod is how often progress is shown.
const progressPeriod = 250 * time.Millisecond

// progress shows on a terminal how much a tunnel has carried. Its counters may be used
// by any goroutine.
type progress struct {
	out   io.Writer // nil: nothing is shown
	total int64     // bytes that there are to send, 0 if that is not known
	begin time.Time

	sent, received atomic.Int64 // bytes

	over    chan struct{}
	showing sync.WaitGroup
}

// startProgress shows progress from now on if somebody watches. Whoever starts it has to
// call stop.
func (p *program) startProgress() *progress {
	s := &progress{total: sizeOf(p.in), begin: time.Now(), over: make(chan struct{})}
	if p.progress {
		s.out = p.err
		s.showing.Go(s.run)
	}
	return s
}

// run shows progress until stop.
func (s *progress) run() {
	tick := time.NewTicker(progressPeriod)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			fmt.Fprintf(s.out, "\r%s\x1b[K", s.line(time.Since(s.begin)))
		case <-s.over:
			fmt.Fprintf(s.out, "\r%s\x1b[K\n", s.line(time.Since(s.begin)))
			return
		}
	}
}

// stop shows the last state, and ends.
func (s *progress) stop() {
	close(s.over)
	s.showing.Wait()
}

// line says how much has been carried in a time.
func (s *progress) line(took time.Duration) string {
	sent, received := s.sent.Load(), s.received.Load()
	line := fmt.Sprintf("sent %s", size(sent))
	if s.total > 0 {
		line += fmt.Sprintf(" of %s (%d %%)", size(s.total), 100*sent/s.total)
	}
	if received > 0 {
		line += fmt.Sprintf(", received %s", size(received))
	}
	rate := float64(sent+received) / max(took.Seconds(), 1e-3)
	return fmt.Sprintf("%s, %s/s", line, size(int64(rate)))
}

// size says a number of bytes in a unit that fits it.
func size(n int64) string {
	const unit = 1000
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, prefix := float64(n)/unit, 0
	for value >= unit && prefix < len("kMGTPE")-1 {
		value /= unit
		prefix++
	}
	return fmt.Sprintf("%.1f %cB", value, "kMGTPE"[prefix])
}

// sizeOf returns how many bytes there are to read in a file, 0 if r is something else.
func sizeOf(r io.Reader) int64 {
	file, ok := r.(*os.File)
	if !ok {
		return 0
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	at, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0
	}
	return max(info.Size()-at, 0)
}

// isTerminal reports whether somebody may watch what is written.
func isTerminal(w any) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	nobody, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, nobody)
}

// countingReader counts what is read.
type countingReader struct {
	io.Reader
	n *atomic.Int64
}

func (c countingReader) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n.Add(int64(n))
	return n, err
}
