// Package deadline keeps things that end at a deadline unless they end before.
//
// It is a core without clock, timer or lock: its owner says what time it is.
package deadline

import "time"

// Table holds values under ids that it gives out, each until it is taken or its
// deadline has passed. The zero value is an empty table. In a steady state neither
// Add nor Take allocates. It is not safe for concurrent use.
//
// It is a binary heap by deadline whose entries know their index in it, so that
// Take costs O(log n) and leaves nothing behind; with equal timeouts, which are
// usual, Add costs O(1).
type Table[T any] struct {
	next    uint64         // id of the next value; ids are 0, 1, 2, … and never used again
	entries map[uint64]int // id → slot
	slots   []slot[T]
	free    []int // slots that are empty
	heap    []int // slots, earliest deadline first
}

type slot[T any] struct {
	id    uint64
	index int // in the heap
	at    time.Time
	value T
}

// Len returns the number of values in the table.
func (t *Table[T]) Len() int { return len(t.heap) }

// Add puts a value into the table and returns its id.
func (t *Table[T]) Add(at time.Time, value T) uint64 {
	id := t.next
	t.next++
	n := t.slot()
	t.slots[n] = slot[T]{id: id, index: len(t.heap), at: at, value: value}
	if t.entries == nil {
		t.entries = make(map[uint64]int)
	}
	t.entries[id] = n
	t.heap = append(t.heap, n)
	t.up(len(t.heap) - 1)
	return id
}

// Has reports whether the value with this id is in the table.
func (t *Table[T]) Has(id uint64) bool {
	_, ok := t.entries[id]
	return ok
}

// Take removes the value with this id and returns it. There is none if it was
// taken before, has expired, or was never there.
func (t *Table[T]) Take(id uint64) (value T, ok bool) {
	n, ok := t.entries[id]
	if !ok {
		return value, false
	}
	return t.remove(n), true
}

// DeleteFunc removes the values that the function wants removed, and returns how many
// they were. It looks at all.
func (t *Table[T]) DeleteFunc(remove func(T) bool) int {
	var ids []uint64
	for _, n := range t.heap {
		if remove(t.slots[n].value) {
			ids = append(ids, t.slots[n].id)
		}
	}
	for _, id := range ids {
		t.Take(id)
	}
	return len(ids)
}

// Next returns the earliest deadline.
func (t *Table[T]) Next() (at time.Time, ok bool) {
	if len(t.heap) == 0 {
		return time.Time{}, false
	}
	return t.slots[t.heap[0]].at, true
}

// Expire removes the value with the earliest deadline and returns it, if that
// deadline is not after now.
func (t *Table[T]) Expire(now time.Time) (id uint64, value T, ok bool) {
	if len(t.heap) == 0 {
		return 0, value, false
	}
	s := &t.slots[t.heap[0]]
	if s.at.After(now) {
		return 0, value, false
	}
	id = s.id
	return id, t.remove(t.heap[0]), true
}

// slot returns the index of an empty slot.
func (t *Table[T]) slot() int {
	if n := len(t.free); n > 0 {
		s := t.free[n-1]
		t.free = t.free[:n-1]
		return s
	}
	t.slots = append(t.slots, slot[T]{})
	return len(t.slots) - 1
}

func (t *Table[T]) remove(n int) T {
	s := t.slots[n]
	delete(t.entries, s.id)
	t.slots[n] = slot[T]{}
	t.free = append(t.free, n)

	last := len(t.heap) - 1
	moved := t.heap[last]
	t.heap = t.heap[:last]
	if s.index != last {
		t.put(s.index, moved)
		t.up(s.index)
		t.down(s.index)
	}
	if last == 0 {
		t.shrink()
	}
	return s.value
}

// shrink gives back the memory of a burst once nothing of it is left.
func (t *Table[T]) shrink() {
	const keep = 1024
	if cap(t.slots) > keep {
		t.entries, t.slots, t.free, t.heap = nil, nil, nil, nil
	}
}

func (t *Table[T]) put(index, n int) {
	t.heap[index] = n
	t.slots[n].index = index
}

func (t *Table[T]) before(a, b int) bool {
	return t.slots[t.heap[a]].at.Before(t.slots[t.heap[b]].at)
}

func (t *Table[T]) swap(a, b int) {
	x, y := t.heap[a], t.heap[b]
	t.put(a, y)
	t.put(b, x)
}

func (t *Table[T]) up(index int) {
	for index > 0 {
		parent := (index - 1) / 2
		if !t.before(index, parent) {
			return
		}
		t.swap(index, parent)
		index = parent
	}
}

func (t *Table[T]) down(index int) {
	for {
		least := 2*index + 1
		if least >= len(t.heap) {
			return
		}
		if right := least + 1; right < len(t.heap) && t.before(right, least) {
			least = right
		}
		if !t.before(least, index) {
			return
		}
		t.swap(least, index)
		index = least
	}
}
