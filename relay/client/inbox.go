package client

import "sync"

// itemOverhead is what an item in an inbox counts beside its bytes, so that empty
// ones are bounded too.
const itemOverhead = 64

// inbox holds what arrived until the application's code takes it, in order, with a
// limited number of goroutines. They are started when there is something to do and
// end when there is nothing left, so an idle inbox costs no goroutine. Putting
// never blocks.
type inbox[T any] struct {
	owner   *group
	limit   int     // bytes
	workers int     // goroutines at a time
	handle  func(T) // the application's code
	worker  func()  // work, made once

	mu      sync.Mutex
	items   []item[T] // items[head:] wait
	head    int
	bytes   int // of what waits
	running int // workers
	closed  bool
}

type item[T any] struct {
	value T
	size  int
}

func newInbox[T any](owner *group, limit, workers int, handle func(T)) *inbox[T] {
	b := &inbox[T]{owner: owner, limit: limit, workers: workers, handle: handle}
	b.worker = b.work
	return b
}

// put adds a value of size bytes. It returns false if there is no room: that is
// when what waits has reached the limit, so one value may exceed it.
func (b *inbox[T]) put(value T, size int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.bytes >= b.limit {
		return false
	}
	b.compact()
	b.items = append(b.items, item[T]{value, size + itemOverhead})
	b.bytes += size + itemOverhead
	if b.running < b.workers {
		b.running++
		b.owner.start(b.worker)
	}
	return true
}

// compact moves the items to the front if more than half of the slice is used up,
// so that it is as long as twice what waits at most.
func (b *inbox[T]) compact() {
	if b.head > len(b.items)/2 {
		n := copy(b.items, b.items[b.head:])
		clear(b.items[n:])
		b.items, b.head = b.items[:n], 0
	}
}

// work handles values until there are none.
func (b *inbox[T]) work() {
	for {
		value, ok := b.take()
		if !ok {
			return
		}
		b.handle(value)
	}
}

// take returns the next value. Without one the worker that calls it is over.
func (b *inbox[T]) take() (T, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.head == len(b.items) {
		b.items, b.head = b.items[:0], 0
		b.running--
		var none T
		return none, false
	}
	next := b.items[b.head]
	b.items[b.head] = item[T]{}
	b.head++
	b.bytes -= next.size
	return next.value, true
}

// clear drops what waits.
func (b *inbox[T]) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.items, b.head, b.bytes = nil, 0, 0
}

// discard drops what waits and takes nothing more.
func (b *inbox[T]) discard() {
	b.clear()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
}
