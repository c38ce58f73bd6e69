package overlay

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/discovery"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// world is a network of overlays in memory.
type world struct {
	t         *testing.T
	config    Config // of the overlays
	net       *mem.Network
	nodes     []*Overlay
	ends      []*mem.Transport
	finders   []*discovery.Finder
	linkIdle  time.Duration                            // after which links end; zero is the default
	mostLinks int                                      // zero is the default
	wrap      func(*mem.Transport) transport.Transport // what nodes that are started use in place of their end; nil: that
	keys      *keyring                                 // by which nodes that are started prove themselves; nil: there are none
	log       io.Writer                                // of nodes that are started; nil: standard error with IRIS_TEST_LOG set
}

// newWorld starts nodes, which all join the first one, and waits until all see all.
func newWorld(t *testing.T, n int, path mem.Path) *world {
	t.Helper()
	return newWorldOf(t, n, Config{}, path)
}

// newWorldOf is newWorld with a configuration of the nodes.
func newWorldOf(t *testing.T, n int, config Config, path mem.Path) *world {
	t.Helper()
	return newIdleWorld(t, n, config, path, 0)
}

// newIdleWorld is newWorldOf where links end that have been idle for so long.
func newIdleWorld(t *testing.T, n int, config Config, path mem.Path, idle time.Duration) *world {
	t.Helper()
	w := &world{t: t, config: config, linkIdle: idle, net: mem.NewNetwork(mem.Config{Versions: Versions(), Path: path})}
	t.Cleanup(w.close)
	for range n {
		w.start()
	}
	w.settle()
	for i, o := range w.nodes {
		if got := o.net.Others() + 1; got != n {
			t.Fatalf("node %d sees %d nodes, want %d", i, got, n)
		}
	}
	return w
}

// start starts another node, which joins the first.
func (w *world) start() *Overlay {
	w.t.Helper()
	if len(w.nodes) == 0 {
		return w.startAlone()
	}
	return w.startAlone("mem://0")
}

// startAlone starts another node, which joins those at the addresses.
func (w *world) startAlone(join ...string) *Overlay {
	w.t.Helper()
	i := len(w.nodes)
	id := transport.PeerID(sha256.Sum256(fmt.Appendf(nil, "node %d", i)))
	return w.startAt(w.net.Node(id), func(c Contest) { w.t.Errorf("node %d takes another for itself: %+v", i, c) }, join...)
}

// startAt starts another node at its place in the network.
func (w *world) startAt(end *mem.Transport, contested func(Contest), join ...string) *Overlay {
	w.t.Helper()
	i := len(w.nodes)
	addr := fmt.Sprintf("mem://%d", i)
	listener, err := end.Listen(w.t.Context(), addr)
	if err != nil {
		w.t.Fatal(err)
	}
	o := New(w.config)
	var carrier transport.Transport = end
	if w.wrap != nil {
		carrier = w.wrap(end)
	}
	var keys Keys
	secrets := [][32]byte{{1}}
	if w.keys != nil {
		k := &nodeKeys{ring: w.keys, self: end.ID()}
		keys, secrets = k, w.keys.set(end.ID(), "old")
		carrier, listener = keyedTransport{end, k}, keyedListener{listener, k}
	}
	config := Network{
		Self: end.ID(), Transport: carrier, Listener: listener, Address: listener.Addr(), Contested: contested, IdleLink: w.linkIdle, MaxLinks: w.mostLinks, PacketSecrets: secrets, Keys: keys,
		Logger: w.logger().With("node", i),
	}
	if w.keys != nil {
		config.Secret, config.OtherSecrets = secrets[0], secrets[1:]
	}
	if err := o.Connect(config); err != nil {
		w.t.Fatal(err)
	}
	w.nodes = append(w.nodes, o)
	w.ends = append(w.ends, end)
	var sources []discovery.Source
	for _, addr := range join {
		sources = append(sources, &discovery.Join{Addr: addr, Logger: config.Logger})
	}
	w.finders = append(w.finders, discovery.Start(discovery.Config{Network: o.Network(), Sources: sources}))
	return o
}

// echoingLater is echoing for an application that is given requests while it attaches.
func echoingLater(a *app) {
	attached := make(chan struct{})
	a.attached = attached
	a.serve = func(id uint64, body []byte, _ time.Duration) error {
		reply := bytes.Clone(body)
		go func() {
			<-attached
			a.Reply(id, true, reply)
		}()
		return nil
	}
}

// logger returns the log of nodes. By default nothing is logged: to format lines for nobody
// takes as long as much of what is tested.
func (w *world) logger() *slog.Logger {
	to := w.log
	if to == nil && os.Getenv("IRIS_TEST_LOG") != "" {
		to = os.Stderr
	}
	if to == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(to, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// settle lets some seconds pass, in which nodes find each other.
func (w *world) settle() {
	time.Sleep(3 * time.Second)
	synctest.Wait()
}

func (w *world) close() {
	for i, o := range w.nodes {
		w.finders[i].Close()
		o.Close()
		w.ends[i].Close()
	}
	time.Sleep(5 * time.Second)
}

// A request, a broadcast and an event reach members on other nodes, at two, three and
// twelve nodes.
func TestAcrossNodes(t *testing.T) {
	for _, n := range []int{2, 3, 12} {
		t.Run(fmt.Sprintf("%d nodes", n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, n, mem.Path{Delay: time.Millisecond})
				last := w.nodes[n-1]
				service := attach(t, last, "service", echoing)
				time.Sleep(100 * time.Millisecond) // a new member can be reached after that
				for i, o := range w.nodes {
					caller := attach(t, o, "")
					caller.ask(7, "service", fmt.Sprint("hello from ", i), time.Second)
					time.Sleep(50 * time.Millisecond)
					caller.saw(fmt.Sprint("7: reply hello from ", i))
					service.saw(fmt.Sprint("request hello from ", i))
				}
				var listeners []*app
				for _, o := range w.nodes {
					a := attach(t, o, "all")
					if err := a.Subscribe([]byte("news")); err != nil {
						t.Fatal(err)
					}
					listeners = append(listeners, a)
				}
				time.Sleep(100 * time.Millisecond)
				for _, a := range listeners {
					a.Broadcast([]byte("all"), []byte("hear"))
					a.Publish([]byte("news"), []byte("it rains"))
					time.Sleep(50 * time.Millisecond)
					for _, b := range listeners {
						b.mu.Lock()
						count := len(b.seen)
						b.seen = nil
						b.mu.Unlock()
						if count != 2 {
							t.Errorf("somebody saw %d of a broadcast and an event", count)
						}
					}
				}
			})
		})
	}
}

// A request that comes before any member waits for one, wherever it joins.
func TestARequestWaitsForAMemberElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, mem.Path{Delay: time.Millisecond})
		caller := attach(t, w.nodes[0], "")
		caller.ask(1, "service", "hello", time.Minute)
		time.Sleep(5 * time.Second)
		caller.saw()
		attach(t, w.nodes[2], "service", echoingLater)
		time.Sleep(100 * time.Millisecond)
		caller.saw("1: reply hello")
	})
}

// The requests in the hands of a node that is killed are answered with a fault when its
// links are noticed to be gone, and those that come later go elsewhere.
func TestAMemberOnAKilledNodeIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, mem.Path{Delay: time.Millisecond})
		attach(t, w.nodes[1], "service")
		time.Sleep(100 * time.Millisecond)
		caller := attach(t, w.nodes[0], "")
		caller.ask(1, "service", "hello", time.Minute)
		time.Sleep(100 * time.Millisecond)
		w.ends[1].Kill()
		time.Sleep(15 * time.Second)
		caller.saw("1: fault " + FaultMemberLost)
		caller.ask(2, "service", "again", time.Minute)
		attach(t, w.nodes[2], "service", echoingLater)
		time.Sleep(200 * time.Millisecond)
		caller.saw("2: reply again")
	})
}

// A node that refuses for want of members sends the request back, and it goes to
// another.
func TestARefusedRequestGoesToAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, mem.Path{Delay: time.Millisecond})
		attach(t, w.nodes[1], "service", refusing)
		attach(t, w.nodes[2], "service", echoing)
		time.Sleep(100 * time.Millisecond)
		caller := attach(t, w.nodes[0], "")
		for i := range 20 {
			caller.ask(uint64(i), "service", "hello", time.Second)
			time.Sleep(20 * time.Millisecond)
			caller.saw(fmt.Sprint(i, ": reply hello"))
		}
	})
}

// A partition leaves each side to itself; when it heals, all reach all again.
func TestPartitionHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 5, mem.Path{Delay: time.Millisecond})
		var services []*app
		for _, o := range w.nodes {
			services = append(services, attach(t, o, "service", echoing))
		}
		var one, other []transport.PeerID
		for i, end := range w.ends {
			if i < 2 {
				one = append(one, end.ID())
			} else {
				other = append(other, end.ID())
			}
		}
		w.net.Partition(one, other)
		time.Sleep(30 * time.Second)
		for i, o := range w.nodes {
			caller := attach(t, o, "")
			caller.ask(1, "service", "hello", time.Second)
			time.Sleep(50 * time.Millisecond)
			caller.saw("1: reply hello")
			if got, want := o.net.Others()+1, map[bool]int{true: 2, false: 3}[i < 2]; got != want {
				t.Errorf("node %d sees %d nodes in its part, want %d", i, got, want)
			}
		}
		w.net.Heal()
		time.Sleep(5 * time.Second)
		for i, o := range w.nodes {
			if got := o.net.Others() + 1; got != 5 {
				t.Errorf("node %d sees %d nodes after healing, want 5", i, got)
			}
		}
		sender := attach(t, w.nodes[0], "")
		for _, s := range services {
			s.mu.Lock()
			s.seen = nil
			s.mu.Unlock()
		}
		sender.Broadcast([]byte("service"), []byte("hear"))
		time.Sleep(100 * time.Millisecond)
		for _, s := range services {
			s.saw("broadcast hear")
		}
	})
}

// A tunnel carries bytes both ways between members on different nodes, and what was
// written before a close arrives.
func TestATunnelAcrossNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, mem.Path{Delay: time.Millisecond})
		service := attach(t, w.nodes[2], "service")
		caller := attach(t, w.nodes[0], "")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		near, err := caller.Tunnel(ctx, []byte("service"))
		if err != nil {
			t.Fatal(err)
		}
		service.saw("tunnel")
		far := service.tunnel(0)
		if n := service.Usage().InHand; n != 1 {
			t.Errorf("the member has %d in hand, want the tunnel", n)
		}
		if _, err := far.Write([]byte("back")); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 4)
		if _, err := io.ReadFull(near, b); err != nil || string(b) != "back" {
			t.Errorf("read %q, %v", b, err)
		}
		sent := bytes.Repeat([]byte("0123456789"), 10_000)
		var got []byte
		read := make(chan error)
		go func() {
			var err error
			got, err = io.ReadAll(far)
			far.Close()
			read <- err
		}()
		if _, err := near.Write(sent); err != nil {
			t.Fatal(err)
		}
		near.Close()
		if err := <-read; err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%d bytes of %d arrived: %v", len(got), len(sent), err)
		}
		time.Sleep(time.Second)
		if n := service.Usage().InHand; n != 0 {
			t.Errorf("the member has %d in hand after the close", n)
		}
	})
}

// A tunnel waits for a member wherever it joins, goes elsewhere when it is refused, and
// ends with its context.
func TestTunnelsAcrossNodesAreRefusedAndWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, mem.Path{Delay: time.Millisecond})
		caller := attach(t, w.nodes[0], "")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := caller.Tunnel(ctx, []byte("service")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a tunnel to nobody: %v", err)
		}
		attach(t, w.nodes[1], "service", refusing)
		time.Sleep(100 * time.Millisecond)
		if _, err := caller.Tunnel(t.Context(), []byte("service")); !errors.Is(err, ErrNoMember) {
			t.Errorf("a tunnel that all refuse: %v", err)
		}
		attach(t, w.nodes[2], "service")
		time.Sleep(100 * time.Millisecond)
		for range 5 {
			near, err := caller.Tunnel(t.Context(), []byte("service"))
			if err != nil {
				t.Fatal(err)
			}
			near.Close()
		}
	})
}
