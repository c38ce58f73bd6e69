//go:build !race

package membership_test

// most is the size of the largest network.
const most = 50
