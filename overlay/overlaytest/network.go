// Package overlaytest has overlays in a network in memory, for tests in virtual time.
package overlaytest

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/overlay/discovery"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// Node is a node of a network in memory.
type Node struct {
	*overlay.Overlay
	ID transport.PeerID

	close func()
}

// Others returns the ids of the other nodes.
func (n *Node) Others() (others []transport.PeerID) {
	for _, other := range n.Network().Nodes() {
		others = append(others, other.ID)
	}
	return others
}

// Config says what nodes are made of.
type Config struct {
	Overlay overlay.Config
	Path    mem.Path // between any two
	// Answer returns what answers the questions of other nodes at the node of a number; nil as one
	// of an older version, which answers none.
	Answer func(i int, o *overlay.Overlay) func(question string) []byte
}

// Network makes nodes that know each other, in the bubble of a test. They end with it.
func Network(t *testing.T, n int, config Config) []*Node {
	t.Helper()
	wire := mem.NewNetwork(mem.Config{Versions: overlay.Versions(), Path: config.Path})
	nodes := make([]*Node, n)
	for i := range nodes {
		nodes[i] = start(t, wire, i, config)
	}
	t.Cleanup(func() {
		for _, node := range nodes {
			node.close()
		}
		time.Sleep(5 * time.Second)
	})
	Settle()
	return nodes
}

// start starts a node, which joins the first.
func start(t *testing.T, wire *mem.Network, i int, config Config) *Node {
	t.Helper()
	id := transport.PeerID(sha256.Sum256(fmt.Appendf(nil, "node %d", i)))
	end := wire.Node(id)
	listener, err := end.Listen(t.Context(), fmt.Sprintf("mem://%d", i))
	if err != nil {
		t.Fatal(err)
	}
	o := overlay.New(config.Overlay)
	err = o.Connect(overlay.Network{
		Self: id, Transport: end, Listener: listener, Address: listener.Addr(), Answer: config.Answer(i, o), PacketSecrets: [][32]byte{{1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var sources []discovery.Source
	if i > 0 {
		sources = []discovery.Source{&discovery.Join{Addr: "mem://0"}}
	}
	finder := discovery.Start(discovery.Config{Network: o.Network(), Sources: sources})
	return &Node{Overlay: o, ID: id, close: func() {
		finder.Close()
		o.Close()
		end.Close()
	}}
}

// Settle waits until nodes have told each other what has changed.
func Settle() {
	time.Sleep(3 * time.Second)
	synctest.Wait()
}
