//go:build race

package network

// Under the race detector, which makes them ten times as slow, the tests of large networks and
// of long times have little to do.
const (
	defaultNodes = 20
	defaultHours = 0.1
)
