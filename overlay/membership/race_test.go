//go:build race

package membership_test

// most is the size of the largest network: the race detector takes no more than 8,128
// goroutines, of which each link has three at both ends.
const most = 25
