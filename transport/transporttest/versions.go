package transporttest

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
)

// RunVersions checks that two nodes agree on a version of the protocol between nodes, or
// on having none in common. Setup makes the transports for what A and B speak; B writes
// to the log.
func RunVersions(t *testing.T, setup func(t *testing.T, a, b transport.Versions, log *slog.Logger) Pair) {
	for _, row := range versionRows {
		t.Run(row.name, func(t *testing.T) {
			before := goroutines()
			log := newRefusals()
			row.run(t, setup(t, row.a, row.b, slog.New(log)), log)
			waitForGoroutines(t, before)
		})
	}
}

// RunVersionsVirtual is RunVersions with each test in a testing/synctest bubble, for
// transports that write no log.
func RunVersionsVirtual(t *testing.T, setup func(t *testing.T, a, b transport.Versions) Pair) {
	for _, row := range versionRows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { row.run(t, setup(t, row.a, row.b), nil) })
		})
	}
}

// versionRow is what two nodes speak, of which A dials, and what they speak with each
// other. Behind is the node to upgrade, if they have nothing in common.
type versionRow struct {
	name   string
	a, b   transport.Versions
	want   uint16
	behind string
}

var versionRows = []versionRow{
	{"the same", transport.Versions{Oldest: 1, Newest: 1}, transport.Versions{Oldest: 1, Newest: 1}, 1, ""},
	{"the dialler is ahead", transport.Versions{Oldest: 1, Newest: 3}, transport.Versions{Oldest: 1, Newest: 2}, 2, ""},
	{"the dialler is behind", transport.Versions{Oldest: 1, Newest: 1}, transport.Versions{Oldest: 1, Newest: 2}, 1, ""},
	{"only just in common", transport.Versions{Oldest: 2, Newest: 2}, transport.Versions{Oldest: 2, Newest: 9}, 2, ""},
	{"the dialler is too old", transport.Versions{Oldest: 1, Newest: 2}, transport.Versions{Oldest: 3, Newest: 5}, 0, "A"},
	{"the dialler is too new", transport.Versions{Oldest: 3, Newest: 5}, transport.Versions{Oldest: 1, Newest: 2}, 0, "B"},
	{"the dialler speaks none", transport.Versions{}, transport.Versions{Oldest: 1, Newest: 1}, 0, "A"},
}

func (row versionRow) run(t *testing.T, made Pair, log refusals) {
	p := start(t, made)
	defer p.close(t)
	if a, b := p.A.Versions(), p.B.Versions(); a != row.a || b != row.b {
		t.Errorf("A is said to speak %v and B %v; want %v and %v", a, b, row.a, row.b)
	}
	if row.behind != "" {
		row.fail(t, p, log)
		return
	}
	a, b := p.connect(t)
	if a.Version() != row.want || b.Version() != row.want {
		t.Errorf("the ends of the link say that they speak versions %d and %d; want %d", a.Version(), b.Version(), row.want)
	}
}

// fail has both nodes learn who speaks what, and which of them to upgrade.
func (row versionRow) fail(t *testing.T, p *pair, log refusals) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := p.A.Dial(ctx, p.listener.Addr(), p.BID)
	advice := map[string]string{"A": "upgrade this node", "B": "upgrade the other one"}
	expectVersionError(t, "dial", err, p.BID, row.b, row.a, advice[row.behind])
	if log == nil {
		return
	}
	advice = map[string]string{"A": "upgrade node " + p.AID.Short(), "B": "upgrade this node"}
	expectVersionError(t, "B's log", log.next(t), p.AID, row.a, row.b, advice[row.behind])
}

// expectVersionError checks what an operator reads at one of the nodes.
func expectVersionError(t *testing.T, what string, err error, peer transport.PeerID, theirs, ours transport.Versions, advice string) {
	t.Helper()
	if !errors.Is(err, transport.ErrVersion) {
		t.Errorf("%s: %v; want %v", what, err, transport.ErrVersion)
		return
	}
	for _, part := range []string{peer.Short(), "speaks " + theirs.String() + " of", "this node " + ours.String() + ":", advice} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %q does not say %q", what, err, part)
		}
	}
}

// refusals is a slog.Handler that takes the errors of lines about refused peers.
type refusals chan error

func newRefusals() refusals { return make(refusals, 100) }

// next waits for the next error.
func (r refusals) next(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r:
		return err
	case <-time.After(patience):
		t.Fatal("no refusal was logged")
		return nil
	}
}

// Enabled, Handle, WithAttrs and WithGroup make it a slog.Handler.
func (r refusals) Enabled(context.Context, slog.Level) bool { return true }
func (r refusals) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r refusals) WithGroup(string) slog.Handler            { return r }

func (r refusals) Handle(_ context.Context, line slog.Record) error {
	if line.Message != "peer refused" {
		return nil
	}
	line.Attrs(func(a slog.Attr) bool {
		if err, ok := a.Value.Any().(error); ok && a.Key == "err" {
			r <- err
		}
		return true
	})
	return nil
}
