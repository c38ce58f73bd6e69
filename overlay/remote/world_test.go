package remote_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/peers/peerstest"
	"github.com/project-iris/iris/overlay/remote"
	"github.com/project-iris/iris/overlay/session"
	"github.com/project-iris/iris/overlay/tunnel"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// node is a node with one link, and the host of the remote at its other end.
type node struct {
	frames      *wire.Budget
	sessions    session.Counters
	dropped     atomic.Uint64
	lost, stuck atomic.Uint64
	slow        chan struct{} // closed when it takes messages; nil: it does
	hears       chan struct{} // closed when it reads lanes
	network     *mem.Network
	links       remote.Table
	watch       *remote.Watch

	// serve is what it does with a request. Default: it keeps it.
	serve func(from *remote.Remote, m *wire.Request) (reason wire.Reason, load int64, ok bool)

	mu       sync.Mutex
	remote   *remote.Remote
	requests []uint64 // that came, by their ids
	bodies   []string
	answered []string // clusters that requests had waited for
	causes   []error  // of links that ended

	delivered int // messages that are neither requests nor about them
}

func (n *node) Serve(from *remote.Remote, m *wire.Request, deadline time.Time) (reason wire.Reason, load int64, ok bool) {
	n.mu.Lock()
	n.requests = append(n.requests, m.ID)
	n.bodies = append(n.bodies, fmt.Sprintf("%s %s for %v", m.Cluster, m.Body, time.Until(deadline).Round(time.Second)))
	n.mu.Unlock()
	if n.serve == nil {
		return 0, 0, true
	}
	return n.serve(from, m)
}

func (n *node) ServeTunnel(context.Context, *remote.Remote, []byte, *tunnel.End) wire.Verdict {
	return wire.VerdictNoMember
}

func (n *node) Answered(cluster string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answered = append(n.answered, cluster)
}

func (n *node) Deliver(*remote.Remote, wire.Message) {
	if n.slow != nil {
		<-n.slow
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delivered++
}

func (n *node) Connected(*remote.Remote)                     {}
func (n *node) HandleDirectory(*remote.Remote, wire.Message) {}

func (n *node) LinkUp(p *peers.Peer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.remote = remote.New(remote.Config{
		Peer: p, Frames: n.frames, Sessions: &n.sessions, Dropped: &n.dropped, Lost: &n.lost, Stuck: &n.stuck, Host: n, Watch: n.watch,
	})
	n.links.Add(n.remote)
}

func (n *node) LinkDown(_ *peers.Peer, cause error) {
	n.mu.Lock()
	n.causes = append(n.causes, cause)
	n.links.Remove(n.remote)
	n.mu.Unlock()
	n.other().Lost()
	n.other().Wait()
}

func (n *node) Stream(_ *peers.Peer, kind peers.Kind, s transport.Stream) {
	r := n.other()
	switch kind {
	case peers.KindControl:
		r.ServeControl(s)
	case peers.KindLane:
		select {
		case <-n.hears:
			r.ServeLane(s)
		case <-r.Context().Done():
		}
	}
}

func (n *node) Datagram(*peers.Peer, []byte) {}

// other returns the other node.
func (n *node) other() *remote.Remote {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.remote
}

// got returns the ids of the requests that came.
func (n *node) got() []uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.requests
}

// fill fills a lane to the other node until no message fits.
func (n *node) fill(t *testing.T, lane uint64) {
	t.Helper()
	l := n.other().Lane(lane)
	for _, size := range []int{1 << 20, 1 << 10, 1} {
		m := wire.Event{Topic: []byte("t"), Event: make([]byte, size)}
		for range 1 << 12 {
			b, err := l.Begin(m.Size(), 0)
			if err != nil {
				break
			}
			l.Commit(m.Append(b))
			synctest.Wait()
		}
	}
}

// pair returns two nodes with a link. Those that are deaf read no lane until hears is closed.
func pair(t *testing.T, aHears, bHears bool) (a, b *node) {
	t.Helper()
	network := mem.NewNetwork(mem.Config{
		Path: mem.Path{Delay: time.Millisecond}, Versions: transport.Versions{Oldest: wire.OldestVersion, Newest: wire.Version},
	})
	start := func(hears bool) *node {
		n := &node{frames: wire.NewBudget(4 << 20), hears: make(chan struct{}), network: network, watch: remote.NewWatch()}
		ctx, cancel := context.WithCancel(context.Background())
		var watching sync.WaitGroup
		watching.Go(func() { n.watch.Run(ctx, &n.links) })
		t.Cleanup(func() {
			cancel()
			watching.Wait()
		})
		if hears {
			close(n.hears)
		}
		return n
	}
	a, b = start(aHears), start(bHears)
	peerstest.Link(t, network, a, b)
	pass()
	return a, b
}

func pass() {
	time.Sleep(100 * time.Millisecond)
	synctest.Wait()
}

// caller is a member that writes down what it is answered, and what comes back.
type caller struct {
	shard uint64

	mu      sync.Mutex
	answers []string
	back    []names.Attempt // with copies of what was borrowed
}

func (c *caller) Shard() uint64 { return c.shard }

func (c *caller) Answer(token uint64, ok bool, body []byte, _ int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	word := "fault"
	if ok {
		word = "reply"
	}
	c.answers = append(c.answers, fmt.Sprintf("%d: %s %s", token, word, body))
}

func (c *caller) Fewer() {}

func (c *caller) Again(a names.Attempt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a.Cluster, a.Body = []byte(string(a.Cluster)), []byte(string(a.Body))
	c.back = append(c.back, a)
}
