package client

import (
	"context"
	"sync"
	"time"
)

// deadline is when calls of one direction of a stream end. It can be moved while they
// wait: their context ends when it passes, and is only then replaced by another one.
type deadline struct {
	mu     sync.Mutex
	timer  *time.Timer // ends the context; nil without a deadline to come
	ctx    context.Context
	cancel context.CancelFunc
}

func newDeadline() *deadline {
	d := &deadline{}
	d.renew()
	return d
}

func (d *deadline) renew() { d.ctx, d.cancel = context.WithCancel(context.Background()) }

// context returns the context for a call that begins.
func (d *deadline) context() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ctx
}

// set moves the deadline. The zero time is none.
func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fired := d.timer != nil && !d.timer.Stop() // the context has ended, or will in a moment
	d.timer = nil
	if fired || d.ctx.Err() != nil {
		d.renew()
	}
	if t.IsZero() {
		return
	}
	if left := time.Until(t); left > 0 {
		d.timer = time.AfterFunc(left, d.cancel)
	} else {
		d.cancel()
	}
}
