package mem

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/project-iris/iris/transport"
)

// Config is how a network behaves. The zero value is an instant, perfect one.
type Config struct {
	// Versions are those of the protocol between nodes that the nodes of Node speak.
	Versions transport.Versions

	// Path is what lies between two nodes for which SetPath gives nothing else.
	Path Path

	// Window is how much each direction of a stream holds before Write waits, in
	// bytes; 0 means 256 KiB. Together with a delay it bounds a stream to
	// Window per round trip.
	Window int

	// MaxStreams is how many streams each side of a link can have open;
	// 0 means 4,096, and less than transport.MinStreams means that.
	MaxStreams int

	// IdleTimeout is how long a link survives without a working path; 0 means
	// 10 s.
	IdleTimeout time.Duration

	// Seed makes jitter and loss another, reproducible sequence.
	Seed uint64
}

// Path is one direction between two nodes.
type Path struct {
	Delay     time.Duration // one way
	Jitter    time.Duration // added to Delay, evenly from 0 up to this; streams keep their order
	Loss      float64       // the part of the datagrams and packets that is lost, 0 to 1
	Bandwidth int64         // bytes a second for each link; 0 means unlimited. Packets beside links take none of it
}

// A Network joins nodes. All methods may be called by any goroutine at any
// time, and take effect on links that are up too.
type Network struct {
	config Config
	air    *air

	mu        sync.RWMutex // taken after a wire's lock, never before it
	nodes     map[transport.PeerID]*Transport
	listeners map[string]*listener
	paths     map[route]Path
	cut       map[route]struct{}
	wires     map[*wire]struct{}
	made      uint64 // wires so far, the second half of their seeds
}

// route is one direction between two nodes.
type route struct{ from, to transport.PeerID }

// NewNetwork returns a network without nodes.
func NewNetwork(config Config) *Network {
	if config.Window <= 0 {
		config.Window = 256 << 10
	}
	if config.MaxStreams == 0 {
		config.MaxStreams = 4096
	}
	config.MaxStreams = max(config.MaxStreams, transport.MinStreams)
	if config.IdleTimeout <= 0 {
		config.IdleTimeout = 10 * time.Second
	}
	n := &Network{
		config:    config,
		nodes:     make(map[transport.PeerID]*Transport),
		listeners: make(map[string]*listener),
		paths:     make(map[route]Path),
		cut:       make(map[route]struct{}),
		wires:     make(map[*wire]struct{}),
	}
	n.air = newAir(n)
	return n
}

// Node adds a node and returns its transport. It panics if the id is zero or
// belongs to a node that has not been closed or killed.
func (n *Network) Node(id transport.PeerID) *Transport { return n.NodeOf(id, n.config.Versions) }

// NodeOf is Node for a node that speaks other versions.
func (n *Network) NodeOf(id transport.PeerID, versions transport.Versions) *Transport {
	if id.IsZero() {
		panic("mem: a node has an id")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, taken := n.nodes[id]; taken {
		panic(fmt.Sprintf("mem: node %s is there already", id.Short()))
	}
	node := newTransport(n, id, versions)
	n.nodes[id] = node
	return node
}

// Copy adds another node with the id of one that is there, as the copy of a running
// machine has it. What is set for the paths of the one holds for the other.
func (n *Network) Copy(t *Transport) *Transport { return newTransport(n, t.id, t.versions) }

// SetPath sets what lies between two nodes, in both directions.
func (n *Network) SetPath(a, b transport.PeerID, path Path) {
	n.mu.Lock()
	n.paths[route{a, b}], n.paths[route{b, a}] = path, path
	n.mu.Unlock()
	n.refresh()
}

// SetOneWay sets what lies from one node to another, in that direction only.
func (n *Network) SetOneWay(from, to transport.PeerID, path Path) {
	n.mu.Lock()
	n.paths[route{from, to}] = path
	n.mu.Unlock()
	n.refresh()
}

// Partition cuts every node of the one side off from every node of the other,
// in addition to what is cut already.
func (n *Network) Partition(one, other []transport.PeerID) {
	n.mu.Lock()
	for _, a := range one {
		for _, b := range other {
			n.cut[route{a, b}], n.cut[route{b, a}] = struct{}{}, struct{}{}
		}
	}
	n.mu.Unlock()
	n.refresh()
}

// CutOneWay lets nothing through from one node to another, in addition to what is cut already.
// What the other one sends arrives.
func (n *Network) CutOneWay(from, to transport.PeerID) {
	n.mu.Lock()
	n.cut[route{from, to}] = struct{}{}
	n.mu.Unlock()
	n.refresh()
}

// Heal undoes all partitions and cuts. What streams had underway arrives then.
func (n *Network) Heal() {
	n.mu.Lock()
	clear(n.cut)
	n.mu.Unlock()
	n.refresh()
}

// refresh makes all wires look at the network again.
func (n *Network) refresh() {
	for _, w := range n.snapshot() {
		w.refresh()
	}
}

func (n *Network) snapshot() []*wire {
	n.mu.RLock()
	defer n.mu.RUnlock()
	wires := make([]*wire, 0, len(n.wires))
	for w := range n.wires {
		wires = append(wires, w)
	}
	return wires
}

// between is the path from one node to another, and whether it is cut.
func (n *Network) between(from, to transport.PeerID) (path Path, cut bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.betweenLocked(from, to)
}

func (n *Network) betweenLocked(from, to transport.PeerID) (path Path, cut bool) {
	path, found := n.paths[route{from, to}]
	if !found {
		path = n.config.Path
	}
	_, cut = n.cut[route{from, to}]
	return path, cut
}

func (n *Network) listenerAt(addr string) *listener {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.listeners[addr]
}

// nodeAt is the node that packets to an address reach, or nil.
func (n *Network) nodeAt(addr string) *Transport {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if there := n.listeners[addr]; there != nil {
		return there.node
	}
	if id, err := transport.ParsePeerID(addr); err == nil {
		return n.nodes[id]
	}
	for id, node := range n.nodes {
		if id.Short() == addr { // where a link comes from
			return node
		}
	}
	return nil
}

// connect makes a wire between two nodes, of which the second may not be known:
// a dialled address without a listener has the path of a node with zero id.
func (n *Network) connect(dialler, acceptor transport.PeerID, addr string) *wire {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.made++
	w := newWire(n, rand.New(rand.NewPCG(n.config.Seed, n.made)), dialler, acceptor, addr)
	n.wires[w] = struct{}{}
	return w
}

func (n *Network) disconnect(w *wire) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.wires, w)
}
