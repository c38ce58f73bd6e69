package forward

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Stats counts the connections of an exposer or a forwarder since it was made.
type Stats struct {
	Open     int    // now
	Opened   uint64 // joined, the open ones included
	Refused  uint64 // beyond Config.Connections
	Failed   uint64 // whose other side was not reached
	Broken   uint64 // ended by a reset, or cut off
	Read     uint64 // bytes from sockets
	Written  uint64 // bytes to sockets
	Absences uint64 // times that an exposer left its cluster because of its target
}

// Add adds the counts of another one.
func (s Stats) Add(other Stats) Stats {
	return Stats{
		Open:     s.Open + other.Open,
		Opened:   s.Opened + other.Opened,
		Refused:  s.Refused + other.Refused,
		Failed:   s.Failed + other.Failed,
		Broken:   s.Broken + other.Broken,
		Read:     s.Read + other.Read,
		Written:  s.Written + other.Written,
		Absences: s.Absences + other.Absences,
	}
}

// connections are those of an exposer or a forwarder.
type connections struct {
	log     *slog.Logger
	limit   int
	ctx     context.Context // ends when connections are cut off
	cancel  context.CancelFunc
	running sync.WaitGroup // what drain waits for

	open                                      atomic.Int64
	opened, refused, failed, broken, absences atomic.Uint64
	read, written                             atomic.Uint64
	refusedLines, failedLines, brokenLines    rate.Sometimes
}

// lines lets a few lines through, and then one in ten seconds.
func lines() rate.Sometimes { return rate.Sometimes{First: 3, Interval: 10 * time.Second} }

func newConnections(config Config) *connections {
	c := &connections{log: config.Logger, limit: config.Connections}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.refusedLines, c.failedLines, c.brokenLines = lines(), lines(), lines()
	return c
}

func (c *connections) stats() Stats {
	return Stats{
		Open:     int(c.open.Load()),
		Opened:   c.opened.Load(),
		Refused:  c.refused.Load(),
		Failed:   c.failed.Load(),
		Broken:   c.broken.Load(),
		Read:     c.read.Load(),
		Written:  c.written.Load(),
		Absences: c.absences.Load(),
	}
}

// enter counts a connection that begins. It returns false if there are too many.
func (c *connections) enter() bool {
	if c.open.Add(1) <= int64(c.limit) {
		return true
	}
	c.open.Add(-1)
	total := c.refused.Add(1)
	c.refusedLines.Do(func() {
		c.log.Warn("connection refused: there are too many; allow more with -max-connections", "limit", c.limit, "total", total)
	})
	return false
}

// exit counts its end.
func (c *connections) exit() { c.open.Add(-1) }

// fail counts a connection whose other side was not reached.
func (c *connections) fail(what string, err error) {
	total := c.failed.Add(1)
	c.failedLines.Do(func() { c.log.Warn(what, "err", err, "total", total) })
}

// end counts what has become of a connection that was joined.
func (c *connections) end(err error) {
	if err == nil {
		return
	}
	total := c.broken.Add(1)
	c.brokenLines.Do(func() { c.log.Info("connection broken", "reason", err, "total", total) })
}

// drain waits for what is running. When the context ends, it cuts off what is left.
func (c *connections) drain(ctx context.Context) error {
	defer c.cancel()
	done := make(chan struct{})
	go func() {
		c.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	open := c.open.Load()
	c.cancel()
	<-done
	if open == 0 {
		return nil
	}
	return fmt.Errorf("%w: %d", ErrCutOff, open)
}
