package load

// ledger notes which numbers of one sender have arrived. One goroutine uses it. It takes
// a bit for each message, and one for each of those that a number claims to be ahead,
// which the limit bounds.
type ledger struct {
	seen       []uint64 // a bit for each number
	next       uint64   // one more than the highest number
	distinct   int64
	duplicates int64
	late       int64 // that came after one with a higher number
}

// ledgerLimit bounds numbers: 512 MiB of bits.
const ledgerLimit = 1 << 32

// add notes a number. It returns false if it was there before, or cannot be.
func (l *ledger) add(n uint64) bool {
	if n >= ledgerLimit {
		return false
	}
	word, bit := n/64, uint64(1)<<(n%64)
	for uint64(len(l.seen)) <= word {
		l.seen = append(l.seen, 0)
	}
	if l.seen[word]&bit != 0 {
		l.duplicates++
		return false
	}
	l.seen[word] |= bit
	l.distinct++
	if n < l.next {
		l.late++
		return true
	}
	l.next = n + 1
	return true
}
