package peers_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// A node that speaks no version in common is dialled again and again, and once a minute
// the operator is told who it is and what to upgrade, whichever of the two has refused.
func TestANodeOfAnotherVersionIsSaid(t *testing.T) {
	for _, row := range []struct {
		name         string
		ours, theirs transport.Versions
		say          []string
	}{
		{
			"this node is too old",
			transport.Versions{Oldest: 1, Newest: 1},
			transport.Versions{Oldest: 2, Newest: 3},
			[]string{"speaks versions 2 to 3", "this node version 1", "upgrade this node"},
		},
		{
			"the other one is too old",
			transport.Versions{Oldest: 2, Newest: 2},
			transport.Versions{Oldest: 1, Newest: 1},
			[]string{"speaks version 1", "this node version 2", "upgrade the other one"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := mem.NewNetwork(mem.Config{Versions: row.theirs})
				b := start(t, network, high)
				var log bytes.Buffer
				end := network.NodeOf(low, row.ours)
				defer end.Close()
				a := peers.New(peers.Config{
					Self: low, Transport: end, Handler: newRecorder(t), Logger: slog.New(slog.NewTextHandler(&log, nil)),
				})
				_, err := a.Dial(t.Context(), addr(high), transport.PeerID{})
				if !errors.Is(err, transport.ErrVersion) {
					t.Errorf("dial: %v", err)
				}
				var k keeper
				k.keep(a, high, addr(high))
				time.Sleep(4 * time.Minute)
				a.Close(nil)
				k.end()
				if n := strings.Count(log.String(), "\n"); n < 2 || n > 4 {
					t.Errorf("%d lines in four minutes:\n%s", n, log.String())
				}
				for _, part := range append(row.say, "level=WARN", high.Short(), "addr="+addr(high)) {
					if strings.Count(log.String(), part) < 2 {
						t.Errorf("the lines do not say %q:\n%s", part, log.String())
					}
				}
				if b.Get(low) != nil {
					t.Error("there is a link")
				}
			})
		})
	}
}
