package join

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const seed = "192.0.2.1:14142"

var errUnreachable = errors.New("unreachable")

// network is one of which a test says who is there. It writes down when which address is
// dialled, and what is logged meanwhile.
type network struct {
	began time.Time
	stop  func() // ends the seed, and waits for that

	mu      sync.Mutex
	alone   bool
	changed chan struct{}
	err     error // of dials; nil: they reach a node, and this one is alone no longer
	hangs   bool  // dials last until their context ends
	dialled []time.Duration
	addrs   []string
	lines   []line
}

// line is one of the log.
type line struct {
	at    time.Duration // since the start
	level slog.Level
	attrs map[string]string
}

// start runs a seed, until the test ends, in a network with no other node that can be reached.
func start(t *testing.T, options ...func(*network)) *network {
	n := &network{began: time.Now(), alone: true, changed: make(chan struct{}), err: errUnreachable}
	for _, option := range options {
		option(n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		Seed{Addr: seed, Network: n, Log: slog.New(n)}.Run(ctx)
	}()
	n.stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(n.stop)
	synctest.Wait()
	return n
}

// inCompany has the node have links to others from the start.
func inCompany(n *network) { n.alone = false }

// answering has the seed answer from the start.
func answering(n *network) { n.err = nil }

// hanging has dials last until they are given up.
func hanging(n *network) { n.hangs = true }

func (n *network) Alone() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.alone
}

func (n *network) Changed() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.changed
}

func (n *network) Reach(ctx context.Context, addr string) error {
	n.mu.Lock()
	n.dialled = append(n.dialled, time.Since(n.began))
	n.addrs = append(n.addrs, addr)
	err, hangs := n.err, n.hangs
	n.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	if err == nil {
		n.change(false)
	}
	return err
}

// change says that nodes have come or gone, and whether this one is alone now.
func (n *network) change(alone bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.alone = alone
	close(n.changed)
	n.changed = make(chan struct{})
}

// answer says what dials from now on end with.
func (n *network) answer(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.err = err
}

// dials returns when the seed was dialled since the last call, after the start.
func (n *network) dials() []time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	dials := n.dialled
	n.dialled = nil
	return dials
}

// logged returns what was logged on a level since the start.
func (n *network) logged(level slog.Level) []line {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(n.lines), func(l line) bool { return l.level != level })
}

func (n *network) Enabled(context.Context, slog.Level) bool { return true }

func (n *network) Handle(_ context.Context, r slog.Record) error {
	l := line{time.Since(n.began), r.Level, make(map[string]string)}
	r.Attrs(func(a slog.Attr) bool {
		l.attrs[a.Key] = a.Value.String()
		return true
	})
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, l)
	return nil
}

func (n *network) WithAttrs([]slog.Attr) slog.Handler { return n }
func (n *network) WithGroup(string) slog.Handler      { return n }
