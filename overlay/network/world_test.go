package network

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/discovery"
	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// world is a network in memory of nodes that say nothing to each other.
type world struct {
	t     *testing.T
	mem   *mem.Network
	nodes []*Network
	ends  []*mem.Transport

	secrets func(i int) [][32]byte // for packets; nil: there are none
}

// newWorld starts nodes, which all join the first one, and waits until all see all.
func newWorld(t *testing.T, n int) *world {
	t.Helper()
	w := &world{t: t, mem: mem.NewNetwork(mem.Config{Path: mem.Path{Delay: time.Millisecond}})}
	w.grow(n)
	settle()
	return w
}

// grow starts nodes, which all join the first one.
func (w *world) grow(n int) {
	w.t.Helper()
	for i := range n {
		node := w.start()
		if i > 0 {
			join(w.t, node, "mem://0")
		}
	}
}

// join runs a finder for a node that joins another.
func join(t *testing.T, n *Network, addr string) {
	f := discovery.Start(discovery.Config{Network: n, Sources: []discovery.Source{&discovery.Join{Addr: addr}}})
	t.Cleanup(f.Close)
}

// start starts another node.
func (w *world) start() *Network {
	w.t.Helper()
	return w.startOver(func(t transport.Transport) transport.Transport { return t })
}

// startOver starts another node whose transport is wrapped.
func (w *world) startOver(wrap func(transport.Transport) transport.Transport) *Network {
	w.t.Helper()
	end := w.mem.Node(sha256.Sum256(fmt.Appendf(nil, "node %d", len(w.nodes))))
	listener, err := end.Listen(w.t.Context(), fmt.Sprintf("mem://%d", len(w.nodes)))
	if err != nil {
		w.t.Fatal(err)
	}
	var secrets [][32]byte
	if w.secrets != nil {
		secrets = w.secrets(len(w.nodes))
	}
	n := New(Config{
		PacketSecrets: secrets,
		Self:          end.ID(), Transport: wrap(end), Listener: listener, Address: listener.Addr(),
		Handler: quiet{}, Logger: slog.New(slog.DiscardHandler),
	})
	if err := n.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.nodes, w.ends = append(w.nodes, n), append(w.ends, end)
	w.t.Cleanup(func() {
		n.Leave()
		n.Close()
		_ = end.Close()
		time.Sleep(5 * time.Second)
	})
	return n
}

// settle lets some seconds pass, in which nodes find each other.
func settle() {
	time.Sleep(3 * time.Second)
	synctest.Wait()
}

// quiet is a handler that does nothing.
type quiet struct{}

func (quiet) LinkUp(*peers.Peer)          {}
func (quiet) LinkDown(*peers.Peer, error) {}
func (quiet) Changed()                    {}

// Stream takes the control stream of a link, which nothing comes over.
func (quiet) Stream(p *peers.Peer, _ peers.Kind, _ transport.Stream) { <-p.Context().Done() }
