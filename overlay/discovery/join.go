package discovery

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/backoff"
)

// joinPause is between two hints at a node that was named. How often it is dialled is up to
// the agenda.
var joinPause = pause{alone: time.Second, together: time.Minute}

const (
	// joinRest is how long a node that was named rests at most before it is dialled again:
	// it is likely to be there soon.
	joinRest = 10 * time.Second
	// joinPatience is how long it may be out of reach before that is said: nodes that start
	// together do not answer at once. It is said again after joinRemind at first, then after
	// twice as long each time, up to joinRemindMax.
	joinPatience  = 10 * time.Second
	joinRemind    = time.Minute
	joinRemindMax = time.Hour
)

// Join hints at a node that was named, with all addresses that its host has, until it
// answers, and again whenever this node is alone. One that is not reached is named in the
// log, and why, after ten seconds and then less and less often.
type Join struct {
	// Addr is host:port, with a scheme in front for one transport.
	Addr string
	// Logger gets what operators need to know. Default: nothing is logged.
	Logger *slog.Logger

	mu      sync.Mutex
	reached bool            // it has answered, or is this node, since this node was alone
	next    time.Time       // when it is said at the earliest that it is not reached
	reminds backoff.Backoff // from then on
	said    bool
}

// Name is "join:" and the address.
func (j *Join) Name() string { return ByJoin + ":" + j.Addr }

// Run implements [Source].
func (j *Join) Run(ctx context.Context, site Site) {
	j.start(time.Now())
	for {
		if site.Others() == 0 || !j.answered() {
			j.hint(ctx, site)
		}
		wait := joinPause
		if !j.answered() {
			wait.together = joinRest
		}
		if !wait.wait(ctx, site) {
			return
		}
	}
}

// start begins to count the time in which the node is not reached.
func (j *Join) start(now time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.reminds = backoff.Backoff{Least: joinRemind, Most: joinRemindMax}
	j.next = now.Add(joinPatience)
}

// answered reports whether the node was reached.
func (j *Join) answered() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.reached
}

// hint hints at all addresses of the node.
func (j *Join) hint(ctx context.Context, site Site) {
	addrs, err := j.lookup(ctx)
	if err != nil {
		j.Tried(err)
	}
	for _, addr := range addrs {
		site.Hint(Hint{Addr: addr, How: ByJoin, Rest: joinRest, Outcome: j})
	}
}

// Tried implements [Outcome].
func (j *Join) Tried(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	now, log := time.Now(), j.Logger
	if errors.Is(err, transport.ErrSelf) {
		err = nil
	}
	if err == nil || j.reached { // who was there may be about to start again
		j.reminds.Reset()
		j.next = now.Add(joinPatience)
	}
	j.reached = err == nil
	switch {
	case log == nil || errors.Is(err, context.Canceled):
	case err != nil && !now.Before(j.next):
		log.Warn("node that was named is not reached; it is tried again", "join", j.Addr, "err", err)
		j.next, j.said = now.Add(j.reminds.Next()), true
	case err == nil && j.said:
		log.Info("node that was named is reached", "join", j.Addr)
		j.said = false
	}
}

// lookup returns the addresses of the node: those of its host, if that is a name.
func (j *Join) lookup(ctx context.Context) ([]string, error) {
	host, port, err := net.SplitHostPort(j.Addr)
	if err != nil || net.ParseIP(host) != nil || strings.Contains(j.Addr, "://") {
		return []string{j.Addr}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, dnsTimeout)
	defer cancel()
	return hosts(ctx, net.DefaultResolver, host, port)
}
