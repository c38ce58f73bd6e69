package node

import (
	"context"
	"time"
)

const (
	// clockEvery is how often a node looks whether its clock has jumped.
	clockEvery = 10 * time.Second
	// clockJump is the least that counts as a jump. Certificates and beacons bear an hour.
	clockJump = time.Minute
)

// watchClock tells when the wall clock has gone ahead or back while the monotonic one has
// not, until the context ends: it was set, or the host slept.
func watchClock(ctx context.Context, now func() time.Time, jumped func(by time.Duration)) {
	look := time.NewTicker(clockEvery)
	defer look.Stop()
	for last := now(); ; {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
		current := now()
		if by := jump(last, current); by.Abs() >= clockJump {
			jumped(by)
		}
		last = current
	}
}

// jump returns how much more time has passed between two readings by the wall clock than
// by the monotonic one.
func jump(last, current time.Time) time.Duration {
	return current.Round(0).Sub(last.Round(0)) - current.Sub(last)
}

// clockJumped looks for other nodes anew: with the clock as it was they may have refused
// this one, or this one them. Its certificate needs nothing, as it is renewed by the wall
// clock when it is shown, nor do links to members, which are tried every few seconds.
func (n *Node) clockJumped(by time.Duration) {
	n.config.Logger.Info("the clock has jumped: it was set, or this host has slept; other nodes are looked for anew",
		"jump", by.Round(time.Second))
	if n.finder != nil {
		n.finder.Retry()
	}
}
