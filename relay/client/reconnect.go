package client

import (
	"math/rand/v2"
	"time"

	"github.com/project-iris/iris/transport/backoff"
)

const (
	// reattachMin and reattachMax bound the wait before each try to attach again. A node
	// that is back is found within the longest one, which leaves it half of the second that
	// a restart may cost requests. The applications of a host are thousands at most: they
	// cost the host some thousand refused connections a second while its node is away.
	reattachMin = 20 * time.Millisecond
	reattachMax = 500 * time.Millisecond
	// settled is how long an attachment has to last for the next loss to be waited for as
	// the first is: a node that drops whoever attaches is not tried all the time.
	settled = 5 * time.Second
)

// keep attaches again whenever the connection is lost, until Close.
func (c *Conn) keep() {
	tries := backoff.Backoff{Least: reattachMin, Most: reattachMax}
	for {
		a := c.current.Load()
		<-a.done
		a.loops.Wait() // all that has come by it is handed on before anything of the next
		if c.closing.Load() {
			c.finish(a.cause)
			return
		}
		if time.Since(a.since) >= settled {
			tries.Reset()
		}
		c.log.Warn("connection to the node is lost; attaching again", "reason", a.cause)
		if c.config.Lost != nil {
			c.config.Lost(a.cause)
		}
		if !c.reattach(&tries) {
			c.finish(ErrClosed)
			return
		}
	}
}

// reattach tries until the application is attached, and tells it so. It returns false after
// Close.
func (c *Conn) reattach(tries *backoff.Backoff) bool {
	began := time.Now()
	for c.pause(tries.Next()) {
		if err := c.attach(c.attaching); err != nil {
			c.log.Debug("not attached yet", "reason", err)
			continue
		}
		c.counters.reconnects.Add(1)
		c.log.Info("attached again", "after", time.Since(began))
		if c.config.Restored != nil {
			c.config.Restored()
		}
		return true
	}
	return false
}

// pause waits for a random part of a time, but at least half of it, so that the
// applications of a node do not come back all at once. It returns false after Close.
func (c *Conn) pause(d time.Duration) bool {
	timer := time.NewTimer(d/2 + rand.N(d/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return c.attaching.Err() == nil
	case <-c.attaching.Done():
		return false
	}
}
