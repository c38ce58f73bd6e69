package load

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// pacer numbers messages and says when each is due. Its methods are safe for concurrent
// use.
type pacer struct {
	run    *run
	rate   float64       // messages a second; 0: they are due at once
	turns  chan turn     // of messages that are due, if there is a rate
	issued atomic.Uint64 // numbers, if there is none
}

// turn is when a message is due.
type turn struct {
	number uint64
	due    time.Duration // since the run began; 0: at once
}

func newPacer(r *run, rate float64) *pacer {
	return &pacer{run: r, rate: rate, turns: make(chan turn)}
}

// start starts the goroutine that keeps the rate, if there is one, until the end of the
// run.
func (p *pacer) start(ctx context.Context, group *sync.WaitGroup) {
	if p.rate > 0 {
		group.Go(func() { p.tick(ctx) })
	}
}

// tick gives out turns as they become due. One that nobody takes makes those behind it
// wait, but they are due when they are: whoever takes them late measures that.
func (p *pacer) tick(ctx context.Context) {
	defer close(p.turns)
	for n := uint64(0); ; n++ {
		due := time.Duration(float64(n)/p.rate*float64(time.Second)) + 1
		if due > p.run.end {
			return
		}
		if wait := due - p.run.now(); wait > 0 {
			p.run.sleep(wait)
		}
		select {
		case p.turns <- turn{n, due}:
		case <-ctx.Done():
			return
		}
	}
}

// next waits until the next message is due. It returns false when no more are to be sent:
// with a rate, after all that were due have been, or what was due in a pause at the end
// would not count.
func (p *pacer) next(ctx context.Context) (turn, bool) {
	if p.rate > 0 {
		t, ok := <-p.turns
		return t, ok
	}
	if p.run.stopped.Load() || ctx.Err() != nil {
		return turn{}, false
	}
	return turn{number: p.issued.Add(1) - 1}, true
}
