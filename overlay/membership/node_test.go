package membership_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/membership"
	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// limit is the MaxNodes of nodes that are started, and padding follows the address in
// what they tell.
var (
	limit   int
	padding func(transport.PeerID) string
)

// tell is what a node tells about itself: its address, and padding after a space.
func tell(id transport.PeerID) []byte {
	if padding == nil {
		return []byte(addr(id))
	}
	return []byte(addr(id) + " " + padding(id))
}

// told is the address in what a node tells.
func told(meta []byte) string {
	addr, _, _ := strings.Cut(string(meta), " ")
	return addr
}

// idOf is the id of a node by its number, from 1. They are in no order.
func idOf(number int) transport.PeerID {
	var id transport.PeerID
	binary.BigEndian.PutUint64(id[:], uint64(number)*0x9e3779b97f4a7c15)
	id[31] = 1
	return id
}

func addr(id transport.PeerID) string { return "node-" + id.Short() }

// node ties links and membership together: it keeps links to all members, merges lists
// over each link that comes up, and dials the lost by what they told about themselves.
type node struct {
	t         *testing.T
	id        transport.PeerID
	transport *mem.Transport
	peers     *peers.Peers
	members   *membership.Membership
	ready     chan struct{} // closed when members is there
	serving   sync.WaitGroup
	joins     sync.WaitGroup
	stopped   bool
	passive   atomic.Bool // no lists are merged when a link comes up

	packets, bytes atomic.Int64 // that the membership has sent, those in streams not included
	streams        atomic.Int64
	largest        atomic.Int64 // packet

	mu    sync.Mutex
	up    map[transport.PeerID]string
	seen  map[transport.PeerID]time.Time // the last change of a node
	lost  int                            // NodeDown calls
	dials map[string]int
}

func start(t *testing.T, network *mem.Network, id transport.PeerID) *node {
	t.Helper()
	n := &node{
		t: t, id: id, transport: network.Node(id), ready: make(chan struct{}),
		up: make(map[transport.PeerID]string), seen: make(map[transport.PeerID]time.Time), dials: make(map[string]int),
	}
	n.peers = peers.New(peers.Config{Self: id, Transport: dialler{n.transport, n}, Handler: n})
	var err error
	n.members, err = membership.New(membership.Config{
		Self: id, Meta: tell(id), Carrier: n, Handler: n, Reach: n.reach, MaxNodes: limit,
	})
	if err != nil {
		t.Fatal(err)
	}
	close(n.ready)
	listener, err := n.transport.Listen(t.Context(), addr(id))
	if err != nil {
		t.Fatal(err)
	}
	n.serving.Go(func() { n.peers.Serve(listener) })
	t.Cleanup(func() {
		n.stop()
		time.Sleep(5 * time.Second) // in which memberlist gives its last probe up
	})
	return n
}

// reach makes a link to a node that was lost.
func (n *node) reach(ctx context.Context, id transport.PeerID, meta []byte) error {
	_, err := n.peers.Dial(ctx, told(meta), id)
	return err
}

// seed joins the network of another node, trying until that works.
func (n *node) seed(other *node) {
	n.joins.Go(func() {
		for {
			_, err := n.peers.Dial(n.t.Context(), addr(other.id), transport.PeerID{})
			if err == nil || errors.Is(err, peers.ErrClosed) || n.t.Context().Err() != nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	})
}

func (n *node) leave() {
	n.members.Leave()
	n.stop()
}

// stop ends the node without a word of the membership.
func (n *node) stop() {
	if n.stopped {
		return
	}
	n.stopped = true
	n.members.Close()
	n.peers.Close(nil)
	n.serving.Wait()
	n.joins.Wait()
	_ = n.transport.Close()
}

// kill ends the node without a word of anything.
func (n *node) kill() {
	n.transport.Kill()
	n.stop()
}

func (n *node) LinkUp(p *peers.Peer) {
	if !n.passive.Load() {
		n.joins.Go(func() { _ = n.members.Join(p.ID()) })
	}
}

func (n *node) LinkDown(*peers.Peer, error) {}

func (n *node) Stream(p *peers.Peer, kind peers.Kind, s transport.Stream) {
	switch kind {
	case peers.KindControl:
		<-p.Context().Done()
	case peers.KindMembership:
		n.members.HandleStream(p.ID(), s)
	}
}

func (n *node) Datagram(p *peers.Peer, b []byte) { n.members.HandlePacket(p.ID(), b) }

func (n *node) SendPacket(to transport.PeerID, b []byte) {
	n.packets.Add(1)
	n.bytes.Add(int64(len(b)))
	n.largest.Store(max(n.largest.Load(), int64(len(b))))
	if p := n.peers.Get(to); p != nil {
		if err := p.SendDatagram(b); err != nil && p.Context().Err() == nil {
			n.t.Errorf("packet of %d bytes: %v", len(b), err)
		}
	}
	_ = n.peers.Want(to)
}

func (n *node) OpenStream(ctx context.Context, to transport.PeerID) (transport.Stream, error) {
	n.streams.Add(1)
	p, err := n.peers.Connect(ctx, to, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return p.Open(ctx, peers.KindMembership)
}

func (n *node) NodeUp(id transport.PeerID, meta []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.up[id], n.seen[id] = told(meta), time.Now()
	n.peers.Meet(id, told(meta))
}

func (n *node) NodeDown(id transport.PeerID, _ bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, ok := n.up[id]; !ok {
		n.t.Errorf("%s is down without having been up", id.Short())
	}
	delete(n.up, id)
	n.seen[id] = time.Now()
	n.lost++
	n.peers.Forget(id)
}

// sees reports whether the node knows exactly these.
func (n *node) sees(nodes []*node) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	others := 0
	for _, other := range nodes {
		if other != n {
			others++
			if n.up[other.id] != addr(other.id) {
				return false
			}
		}
	}
	return len(n.up) == others && n.members.Len() == others+1
}

// hears returns what the node has heard last of where another one is.
func (n *node) hears(id transport.PeerID) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.up[id]
}

func (n *node) losses() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lost
}

// changed returns when the node last heard news of another.
func (n *node) changed(id transport.PeerID) time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.seen[id]
}

// network starts nodes that all join through the first, and waits for them to agree.
func startNetwork(t *testing.T, config mem.Config, size int) (*mem.Network, []*node) {
	t.Helper()
	network := mem.NewNetwork(config)
	nodes := make([]*node, size)
	for i := range nodes {
		nodes[i] = start(t, network, idOf(i+1))
		if i > 0 {
			nodes[i].seed(nodes[0])
		}
	}
	awaitAgreement(t, nodes, 10*time.Second)
	return network, nodes
}

// awaitAgreement waits in virtual time until all of the nodes see these and no others,
// and returns how long that took.
func awaitAgreement(t *testing.T, nodes []*node, limit time.Duration) time.Duration {
	t.Helper()
	begin := time.Now()
	for {
		open := 0
		for _, n := range nodes {
			if !n.sees(nodes) {
				open++
			}
		}
		switch {
		case open == 0:
			return time.Since(begin)
		case time.Since(begin) >= limit:
			t.Fatalf("%d of %d nodes do not agree within %v", open, len(nodes), limit)
		}
		time.Sleep(10 * time.Millisecond) // virtual
	}
}

// lan is a local network.
func lan(seed uint64) mem.Config {
	return mem.Config{Seed: seed, Path: mem.Path{Delay: 200 * time.Microsecond, Jitter: 300 * time.Microsecond}}
}

func ids(nodes []*node) []transport.PeerID {
	list := make([]transport.PeerID, len(nodes))
	for i, n := range nodes {
		list[i] = n.id
	}
	return list
}

// expectNoGoroutine checks that no goroutine of memberlist is left.
func expectNoGoroutine(t *testing.T) {
	t.Helper()
	time.Sleep(5 * time.Second) // in which memberlist gives its last probe up
	synctest.Wait()
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		if strings.Contains(stack, "hashicorp/memberlist") {
			t.Errorf("left over:\n%s", stack)
		}
	}
}

// forSeeds runs a test in virtual time, again and again.
func forSeeds(t *testing.T, count uint64, test func(t *testing.T, seed uint64)) {
	for seed := range count {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, seed) })
		})
	}
}

// Dial is the transport's, counted.
func (n *node) Dial(ctx context.Context, addr string, want transport.PeerID) (transport.Link, error) {
	n.mu.Lock()
	n.dials[addr]++
	n.mu.Unlock()
	return n.transport.Dial(ctx, addr, want)
}

// dialled returns how often an address was dialled so far.
func (n *node) dialled(addr string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dials[addr]
}

// dialler is a transport whose dials are counted.
type dialler struct {
	*mem.Transport
	node *node
}

func (d dialler) Dial(ctx context.Context, addr string, want transport.PeerID) (transport.Link, error) {
	return d.node.Dial(ctx, addr, want)
}
