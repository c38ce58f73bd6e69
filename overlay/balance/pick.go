package balance

import "time"

// Pick returns which of n candidates gets a request: the cheaper of two that draw draws,
// which returns a random number below its argument. Those for which gauge returns nil are
// left out. It returns -1 if there is none. It allocates nothing.
func Pick(now time.Time, n int, draw func(n int) int, gauge func(i int) *Gauge) int {
	if n == 0 {
		return -1
	}
	first, one := next(draw(n), n, -1, gauge)
	if one == nil || n == 1 {
		return first
	}
	second, other := next((first+1+draw(n-1))%n, n, first, gauge)
	if other == nil || one.Cost(now) <= other.Cost(now) {
		return first
	}
	return second
}

// next returns the first candidate from an index on, round about, that has a gauge and is
// not the excepted one, or -1.
func next(from, n, except int, gauge func(i int) *Gauge) (int, *Gauge) {
	for i := range n {
		at := (from + i) % n
		if at == except {
			continue
		}
		if g := gauge(at); g != nil {
			return at, g
		}
	}
	return -1, nil
}
