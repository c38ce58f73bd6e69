package overlay

import (
	"context"
	"errors"
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
	// start together do not answer at once. It is said again after seedRemind at first,
	// then after twice as long each time, up to seedRemindMax.
	seedPatience  = 2 * time.Second
	seedRemind    = time.Minute
	seedRemindMax = time.Hour
)

// seed dials a seed until it answers, and again whenever this node knows no other.
func (n *network) seed(addr string) {
	wait, reached := seedMin, false
	complaint := seedComplaint{next: time.Now().Add(seedPatience), pause: seedRemind}
	for {
		alone := len(n.peers.All()) == 0
		if alone || !reached {
			err := n.dialSeed(addr)
			reached = err == nil
			n.saySeed(&complaint, addr, err)
		}
		rest := wait
		if !alone && !complaint.early() {
			rest = seedRest
		}
		if !n.awaitSeed(rest + rand.N(rest)) {
			return
		}
		wait = min(2*wait, seedMax)
	}
}

// awaitSeed waits, and reports whether to go on: not when the network is closed. A node that
// loses its last link goes on at once.
func (n *network) awaitSeed(wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		changed, before := n.roster.Changed(), len(n.peers.All())
		select {
		case <-timer.C:
			return true
		case <-changed:
			if before > 0 && len(n.peers.All()) == 0 {
				return true
			}
		case <-n.ctx.Done():
			return false
		}
	}
}

// seedComplaint says when it is time to say that a seed is not reached.
type seedComplaint struct {
	next  time.Time
	pause time.Duration
	said  bool
}

// early reports whether the seed still has time to answer.
func (c *seedComplaint) early() bool { return !c.said && time.Now().Before(c.next) }

// due reports whether to say it now.
func (c *seedComplaint) due(now time.Time) bool {
	if now.Before(c.next) {
		return false
	}
	c.next, c.said = now.Add(c.pause), true
	c.pause = min(2*c.pause, seedRemindMax)
	return true
}

// saySeed says how a dial of a seed has ended.
func (n *network) saySeed(c *seedComplaint, addr string, err error) {
	switch {
	case n.ctx.Err() != nil:
	case err != nil && c.due(time.Now()):
		n.log.Warn("node that was named is not reached; it is tried again", "join", addr, "err", err)
	case err != nil:
		n.log.Debug("node that was named is not reached", "join", addr, "err", err)
	case c.said:
		n.log.Info("node that was named is reached", "join", addr)
		*c = seedComplaint{next: time.Now().Add(seedPatience), pause: c.pause}
	}
}

// dialSeed dials all addresses that a seed has, at once. It is reached if one of them
// answers, or is this node itself.
func (n *network) dialSeed(addr string) error {
	ctx, cancel := context.WithTimeout(n.ctx, seedMax)
	defer cancel()
	addrs, err := lookUpSeed(ctx, addr)
	if err != nil {
		return err
	}
	var dials sync.WaitGroup
	errs := make([]error, len(addrs))
	for i, a := range addrs {
		dials.Go(func() { _, errs[i] = n.find(ctx, a, transport.PeerID{}, FoundByJoin) })
	}
	dials.Wait()
	for _, err := range errs {
		if err == nil || errors.Is(err, transport.ErrSelf) {
			return nil
		}
	}
	return errors.Join(errs...)
}

// lookUpSeed returns the addresses of a seed: those of its host, if that is a name.
func lookUpSeed(ctx context.Context, addr string) ([]string, error) {
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
