package remote

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/balance"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/peers/peerstest"
	"github.com/project-iris/iris/overlay/session"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// end is one end of a link over which nothing is said.
type end struct {
	frames   *wire.Budget
	sessions session.Counters
	counts   atomic.Uint64
	remote   *Remote
}

func (e *end) LinkUp(p *peers.Peer) {
	e.remote = New(Config{
		Peer: p, Frames: e.frames, Sessions: &e.sessions, Dropped: &e.counts, Lost: &e.counts, Stuck: &e.counts, Watch: NewWatch(),
	})
}

func (e *end) LinkDown(*peers.Peer, error)                            { e.remote.Lost() }
func (e *end) Stream(p *peers.Peer, _ peers.Kind, _ transport.Stream) { <-p.Context().Done() }
func (e *end) Datagram(*peers.Peer, []byte)                           {}

// waits is somebody who asks, and is told nothing.
type waits struct{}

func (waits) Shard() uint64                      { return 0 }
func (waits) Answer(uint64, bool, []byte, int64) {}
func (waits) Again(names.Attempt)                {}
func (waits) Fewer()                             {}

// A node that always waits for something remembers no links that have ended: what was under way
// over them as well would stay for ever.
func TestAWatchForgetsLinksThatHaveEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		versions := transport.Versions{Oldest: wire.OldestVersion, Newest: wire.Version}
		ends := make([]*end, 4)
		for i := range ends {
			ends[i] = &end{frames: wire.NewBudget(1 << 20)}
		}
		for i := 0; i < len(ends); i += 2 {
			peerstest.Link(t, mem.NewNetwork(mem.Config{Versions: versions}), ends[i], ends[i+1])
		}
		synctest.Wait()
		stays, goes := ends[0].remote, ends[3].remote // with nodes 2 and 1
		var links Table
		for _, r := range []*Remote{stays, goes} {
			links.Add(r)
			if _, err := r.calls.Add(time.Now().Add(time.Hour), call{from: waits{}, gauge: new(balance.Gauge)}); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		seen := make(map[*Remote]sight)
		var watching sync.WaitGroup
		watching.Go(func() { NewWatch().watch(ctx, &links, seen) })
		time.Sleep(watchEvery + time.Millisecond)
		links.Remove(goes)
		time.Sleep(2 * watchEvery)
		cancel()
		watching.Wait()
		if _, sees := seen[stays]; !sees || len(seen) != 1 {
			t.Errorf("it remembers %d links, %v the one that is there", len(seen), sees)
		}
	})
}
