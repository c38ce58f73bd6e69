// Package budget bounds what all who share a node take of one thing together: names,
// bytes of buffers, connections.
//
// A [Budget] has a limit, and each of those who take of it is a [Holder]. A holder has a
// small share of its own, for which a part of the limit is reserved. What is beyond the
// reserve is for whoever asks first, but one holder gets no more of it than [Config.Greed]
// times what it leaves to others. So what a holder may have shrinks as others come, and
// what it gives back goes to them: the dynamic thresholds of switches with shared memory
// (Choudhury and Hahne, 1998). Those who wait get what is given back in the order in which
// they came, but none waits for another one who has too much already.
//
// Nothing here has a clock or a goroutine, and nothing is allocated but by New, Holder and
// Wait.
package budget

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
)

// ErrRefused is what [errors.Is] finds in each refusal.
var ErrRefused = errors.New("limit of the node is reached")

// Config configures a [Budget]. Name and Limit are required.
type Config struct {
	// Name says in the plural what is taken, as "names that are served": it is in the
	// text of refusals, which applications see.
	Name string
	// Limit is how much all holders may have together.
	Limit int64
	// Share is what each holder may have before it takes from others. Default: a 256th
	// of Limit, at least one.
	Share int64
	// Reserve is how much of Limit is for the shares alone. Default: a quarter of Limit.
	Reserve int64
	// Greed is how many times what is left to others one holder may have beyond its
	// share: with 1 it gets half of what is not reserved, with 3 three quarters.
	// Default 1.
	Greed int64
}

func (c Config) withDefaults() Config {
	if c.Share <= 0 {
		c.Share = max(c.Limit/256, 1)
	}
	if c.Reserve <= 0 {
		c.Reserve = c.Limit / 4
	}
	c.Reserve = min(c.Reserve, c.Limit)
	if c.Greed <= 0 {
		c.Greed = 1
	}
	return c
}

// Budget is what there is of one thing. It is safe for concurrent use.
type Budget struct {
	config    Config
	all, part error // refusals: nothing is left, and the holder has its part

	mu      sync.Mutex
	used    int64
	beyond  int64     // of used: what holders have beyond their shares
	waiting list.List // of *waiter, in the order in which they came
	stats   Stats     // the counts alone
}

// Stats is how much is taken, and how often more was refused.
type Stats struct {
	Used, Limit int64
	Refused     uint64 // as all is taken, or the holder had its part
	Over        uint64 // times that more than Limit was taken, for what cannot be refused
}

// waiter is somebody in [Holder.Wait].
type waiter struct {
	holder *Holder
	n      int64
	ready  chan struct{} // closed when it has what it waits for
}

// New returns a budget of which nothing is taken.
func New(config Config) *Budget {
	config = config.withDefaults()
	return &Budget{
		config: config,
		all:    refusal(fmt.Sprintf("all %d %s of this node are taken", config.Limit, config.Name)),
		part: refusal(fmt.Sprintf("the application has its part of the %d %s of this node, and others need the rest",
			config.Limit, config.Name)),
	}
}

// refusal is an error that says which limit was met.
type refusal string

func (r refusal) Error() string { return string(r) }

func (r refusal) Is(target error) bool { return target == ErrRefused }

// Stats returns the counts.
func (b *Budget) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.stats
	s.Used, s.Limit = b.used, b.config.Limit
	return s
}

// Holder is one of those who take. Its methods are safe for concurrent use. A nil holder
// has no limit.
type Holder struct {
	budget *Budget
	held   int64 // guarded by Budget.mu
}

// Holder returns one that has nothing.
func (b *Budget) Holder() *Holder { return &Holder{budget: b} }

// Take takes n, or fails with a refusal, which is [ErrRefused], and takes nothing.
func (h *Holder) Take(n int64) error {
	if h == nil || n == 0 {
		return nil
	}
	b := h.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := h.check(n); err != nil {
		b.stats.Refused++
		return err
	}
	h.add(n)
	return nil
}

// Force takes n in any case. It is for what must not be refused, and is bounded in another
// way.
func (h *Holder) Force(n int64) {
	if h == nil || n == 0 {
		return
	}
	b := h.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	h.add(n)
	if b.used > b.config.Limit {
		b.stats.Over++
	}
}

// Wait takes n as soon as that can be, when those who came before have had their turn. It
// fails with the refusal when the context ends before.
func (h *Holder) Wait(ctx context.Context, n int64) error {
	if h == nil {
		return nil
	}
	b := h.budget
	b.mu.Lock()
	refused := h.check(n)
	if refused == nil && (b.waiting.Len() == 0 || h.held+n <= b.config.Share) {
		h.add(n)
		b.mu.Unlock()
		return nil
	}
	if refused == nil {
		refused = b.all // others are before it
	}
	w := &waiter{holder: h, n: n, ready: make(chan struct{})}
	e := b.waiting.PushBack(w)
	b.serve()
	b.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-w.ready:
		return nil // it has just come
	default:
	}
	b.waiting.Remove(e)
	b.serve() // who waits behind it may go on
	b.stats.Refused++
	return refused
}

// Give gives n back. To give back more than was taken is a mistake of the caller; what was
// taken is given.
func (h *Holder) Give(n int64) {
	if h == nil || n == 0 {
		return
	}
	b := h.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	h.add(-min(n, h.held))
	b.serve()
}

// Close gives everything back.
func (h *Holder) Close() {
	if h == nil {
		return
	}
	b := h.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	h.add(-h.held)
	b.serve()
}

// Held is how much the holder has.
func (h *Holder) Held() int64 {
	if h == nil {
		return 0
	}
	h.budget.mu.Lock()
	defer h.budget.mu.Unlock()
	return h.held
}

// Move gives n of a holder to another one of the same budget. It is for what goes on for
// another reason.
func (h *Holder) Move(to *Holder, n int64) {
	if h == nil || to == nil || h == to {
		return
	}
	b := h.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	n = min(n, h.held)
	h.add(-n)
	to.add(n)
	b.serve()
}

// check says why the holder cannot take n. The budget is locked.
func (h *Holder) check(n int64) error {
	b := h.budget
	if n > b.config.Limit-b.used {
		return b.all
	}
	beyond := h.held + n - b.config.Share
	if beyond <= 0 {
		return nil
	}
	more := beyond - max(h.held-b.config.Share, 0) // of n
	left := b.config.Limit - b.config.Reserve - b.beyond - more
	switch {
	case left < 0:
		return b.all
	case beyond/b.config.Greed > left:
		return b.part
	}
	return nil
}

// add changes what the holder has. The budget is locked.
func (h *Holder) add(n int64) {
	b := h.budget
	before := max(h.held-b.config.Share, 0)
	h.held += n
	b.used += n
	b.beyond += max(h.held-b.config.Share, 0) - before
}

// serve lets those go on who wait and can have what they wait for, in turn. The first who
// has to wait for others keeps its turn. The budget is locked.
func (b *Budget) serve() {
	for e := b.waiting.Front(); e != nil; {
		w, next := e.Value.(*waiter), e.Next()
		switch w.holder.check(w.n) {
		case nil:
			w.holder.add(w.n)
			b.waiting.Remove(e)
			close(w.ready)
		case b.all:
			if w.holder.held+w.n <= b.config.Limit-b.config.Reserve {
				return
			}
		}
		e = next
	}
}
