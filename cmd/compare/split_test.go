package main

import "testing"

func TestSplit(t *testing.T) {
	for _, row := range []struct{ others, greedy, want float64 }{
		{900, 100, 1},
		{450, 550, 0.5},
		{0, 100, 0},
	} {
		if got := splitOf(row.others, row.greedy); got != row.want {
			t.Errorf("%v beside %v is %v of an even split, want %v", row.others, row.greedy, got, row.want)
		}
	}
}
