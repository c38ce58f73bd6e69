// Package join reaches the nodes that a node was told to begin with, its seeds.
package join

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/project-iris/iris/transport"
)

const (
	// seedMin and seedMax bound the wait between tries to reach a seed by a node that is
	// alone, to which as much again is added at random. One that has company waits for
	// seedRest: the seed may lead to others.
	seedMin  = 200 * time.Millisecond
	seedMax  = 10 * time.Second
	seedRest = time.Minute
	// seedPatience is how long a seed may be out of reach before that is said: nodes that
	// start together, or again, do not answer at once. It is said again after seedRemind at first,
	// then after twice as long each time, up to seedRemindMax.
	seedPatience  = 2 * time.Second
	seedRemind    = time.Minute
	seedRemindMax = time.Hour
)

// Network is what a [Seed] needs of the network.
type Network interface {
	// Alone reports whether there is no link to any node.
	Alone() bool
	// Changed returns a channel that is closed when nodes have come or gone since the call.
	Changed() <-chan struct{}
	// Reach makes a link to the node at an address.
	Reach(ctx context.Context, addr string) error
}

// Seed is a node to begin with.
type Seed struct {
	Addr    string // host:port, with or without a scheme
	Network Network
	Log     *slog.Logger
}

// Run dials the seed until it answers, and again whenever this node has no link to any, until
// the context ends. A seed that is not reached is named in the log, and why.
func (s Seed) Run(ctx context.Context) {
	wait, reached := seedMin, false
	unreached := complaint{pause: seedRemind}
	unreached.begin()
	for {
		alone := s.Network.Alone()
		if alone || !reached {
			err := s.dial(ctx)
			if err != nil && reached { // it may be about to start again
				wait = seedMin
				unreached.begin()
			}
			reached = err == nil
			s.say(ctx, &unreached, err)
		}
		rest := wait
		if !alone && !unreached.early() {
			rest = seedRest
		}
		if !s.await(ctx, rest+rand.N(rest)) {
			return
		}
		wait = min(2*wait, seedMax)
	}
}

// await waits, and reports whether to go on: not when the context has ended. A node that
// loses its last link goes on at once.
func (s Seed) await(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		changed, alone := s.Network.Changed(), s.Network.Alone()
		select {
		case <-timer.C:
			return true
		case <-changed:
			if !alone && s.Network.Alone() {
				return true
			}
		case <-ctx.Done():
			return false
		}
	}
}

// complaint says when it is time to say that a seed is not reached.
type complaint struct {
	next  time.Time
	pause time.Duration
	said  bool
}

// begin gives the seed its patience, as of now. The pauses between what is said of it go on to
// grow.
func (c *complaint) begin() { c.next, c.said = time.Now().Add(seedPatience), false }

// early reports whether the seed still has time to answer.
func (c *complaint) early() bool { return !c.said && time.Now().Before(c.next) }

// due reports whether to say it now.
func (c *complaint) due(now time.Time) bool {
	if now.Before(c.next) {
		return false
	}
	c.next, c.said = now.Add(c.pause), true
	c.pause = min(2*c.pause, seedRemindMax)
	return true
}

// say says how a dial of the seed has ended.
func (s Seed) say(ctx context.Context, c *complaint, err error) {
	switch {
	case ctx.Err() != nil:
	case err != nil && c.due(time.Now()):
		s.Log.Warn("node that was named is not reached; it is tried again", "join", s.Addr, "err", err)
	case err != nil:
		s.Log.Debug("node that was named is not reached", "join", s.Addr, "err", err)
	case c.said:
		s.Log.Info("node that was named is reached", "join", s.Addr)
		c.said = false
	}
}

// dial dials all addresses that the seed has, at once. It is reached if one of them answers,
// or is this node itself.
func (s Seed) dial(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, seedMax)
	defer cancel()
	addrs, err := lookUp(ctx, s.Addr)
	if err != nil {
		return err
	}
	var dials sync.WaitGroup
	errs := make([]error, len(addrs))
	for i, a := range addrs {
		dials.Go(func() { errs[i] = s.Network.Reach(ctx, a) })
	}
	dials.Wait()
	for _, err := range errs {
		if err == nil || errors.Is(err, transport.ErrSelf) {
			return nil
		}
	}
	return errors.Join(errs...)
}

// lookUp returns the addresses of a seed: those of its host, if that is a name.
func lookUp(ctx context.Context, addr string) ([]string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || net.ParseIP(host) != nil || strings.Contains(addr, "://") {
		return []string{addr}, nil
	}
	ips, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return nil, err
	}
	var addrs []string
	for _, ip := range ips {
		addrs = append(addrs, net.JoinHostPort(ip, port))
	}
	return addrs, nil
}
