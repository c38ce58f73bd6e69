package wire

import "sync/atomic"

// Budget is memory that readers share for frames that do not fit into their smallest
// buffers, of up to 72 KiB. It is safe for concurrent use.
type Budget struct{ left atomic.Int64 }

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
	return true
}
