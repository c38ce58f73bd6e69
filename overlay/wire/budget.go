package wire

import "sync/atomic"

// Budget is memory that readers share for frames that do not fit into their smallest
// buffers, of up to 72 KiB. It is safe for concurrent use.
type Budget struct {
	left   atomic.Int64
	shared Memory // what else it is taken of; nil: nothing
}

// Memory is what a [Budget] shares with others who use memory.
type Memory interface {
	Take(bytes int64) error
	Give(bytes int64)
}

// NewSharedBudget returns a budget of so many bytes, each of which is taken of the memory too.
func NewSharedBudget(bytes int64, m Memory) *Budget {
	b := NewBudget(bytes)
	b.shared = m
	return b
}

// NewBudget returns a budget of so many bytes.
func NewBudget(bytes int64) *Budget {
	b := new(Budget)
	b.left.Store(bytes)
	return b
}

// take takes bytes, or gives some back if they are less than none, and reports whether
// there were enough. A nil budget has no end.
func (b *Budget) take(bytes int) bool {
	if b == nil {
		return true
	}
	if b.left.Add(-int64(bytes)) < 0 && bytes > 0 {
		b.left.Add(int64(bytes))
		return false
	}
	switch {
	case b.shared == nil || bytes == 0:
	case bytes < 0:
		b.shared.Give(int64(-bytes))
	case b.shared.Take(int64(bytes)) != nil:
		b.left.Add(int64(bytes))
		return false
	}
	return true
}
