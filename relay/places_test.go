package relay_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/overlay/discovery"
	"github.com/project-iris/iris/quic"
	"github.com/project-iris/iris/relay"
	"github.com/project-iris/iris/relay/wire"
	"github.com/project-iris/iris/tcp"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
	"github.com/project-iris/iris/transport/identity/identitytest"
	"github.com/project-iris/iris/transport/mem"
)

// What holds for two applications of one node holds for those of two nodes. The tests of
// the rules of tunnels run with both at one relay, on a fake network and in virtual time;
// and with the service at another relay, over a real network of two nodes.

// realQuiet is how long nothing has to come in real time to count as nothing.
const realQuiet = 200 * time.Millisecond

// inPlaces runs a test in all places. Plain clients attach to the first node and services
// to the second, where there is one.
func inPlaces(t *testing.T, config relay.Config, test func(t *testing.T, n *node)) {
	t.Helper()
	t.Run("one node", func(t *testing.T) { inBubble(t, config, test) })
	for _, scheme := range []string{"mem", "quic", "tcp"} {
		t.Run("two nodes over "+scheme, func(t *testing.T) {
			t.Parallel()
			test(t, twoNodes(t, config, scheme))
		})
	}
}

// twoNodes starts two relays, each on an overlay of its own, and returns the first.
func twoNodes(t *testing.T, config relay.Config, scheme string) *node {
	t.Helper()
	ends := pairOf(t, scheme)
	far := realNode(t, config, ends[1], "")
	near := realNode(t, config, ends[0], far.addr)
	near.far = far
	// They have found each other when a request comes through.
	caller, service := near.attach(""), far.attach("found")
	caller.send(&wire.Request{ID: 1, Cluster: []byte("found"), Timeout: 60_000})
	service.send(&wire.Reply{ID: service.read().(*wire.Call).ID, OK: true})
	caller.expect(&wire.Result{ID: 1, OK: true})
	return near
}

// networkEnd is a node's end of a network.
type networkEnd struct {
	id        transport.PeerID
	transport transport.Transport
	addr      string // to listen at
}

// pairOf returns the ends of a network of two nodes.
func pairOf(t *testing.T, scheme string) (ends [2]networkEnd) {
	t.Helper()
	network, memory := identitytest.NewNetwork(t, "rules"), mem.NewNetwork(mem.Config{Versions: overlay.Versions()})
	for i := range ends {
		id := network.Node(t)
		ends[i] = networkEnd{id: id.ID(), addr: "127.0.0.1:0"}
		switch scheme {
		case "quic":
			ends[i].transport = newQUIC(t, id)
		case "tcp":
			ends[i].transport = tcp.New(tcp.Config{Identity: id, Versions: overlay.Versions(), Logger: slog.New(slog.DiscardHandler)})
		default:
			ends[i].transport, ends[i].addr = memory.Node(id.ID()), "mem://"+id.ID().String()
		}
	}
	return ends
}

func newQUIC(t *testing.T, id *identity.Identity) transport.Transport {
	t.Helper()
	q, err := quic.New(quic.Config{Identity: id, Versions: overlay.Versions(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// realNode starts a relay on an overlay, which joins another node unless the address is
// empty.
func realNode(t *testing.T, config relay.Config, end networkEnd, join string) *node {
	t.Helper()
	listener, err := end.transport.Listen(t.Context(), end.addr)
	if err != nil {
		t.Fatal(err)
	}
	o := overlay.New(overlay.Config{})
	settings := overlay.Network{Self: end.id, Transport: end.transport, Listener: listener, Address: listener.Addr()}
	if err := o.Connect(settings); err != nil {
		t.Fatal(err)
	}
	if join != "" {
		if _, err := o.Network().Reach(t.Context(), join, transport.PeerID{}, discovery.ByJoin); err != nil {
			t.Fatal(err)
		}
	}
	n := &node{t: t, log: &logbook{}, listener: newDoor(), addr: listener.Addr()}
	config.Mesh = realMesh{o}
	config.Logger = slog.New(slog.NewTextHandler(n.log, nil))
	n.relay = relay.New(config)
	served := make(chan error, 1)
	go func() { served <- n.relay.Serve(n.listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		n.relay.Close(ctx)
		o.Close()
		end.transport.Close()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return n
}

// tunInit asks for a tunnel to the service. Over a real network it has time.
func (n *node) tunInit(id uint64) *wire.TunInit {
	m := tunInit(id)
	if n.far != nil {
		m.Timeout = 3000
	}
	return m
}

// aimTunnels lets tunnels of the one application go to the other. A real network finds it
// by itself.
func (n *node) aimTunnels(from, to *application) {
	if n.far == nil {
		from.member.onTunnel = n.mesh.tunnelTo(to.member)
	}
}

// expectAnswer checks that a request from one application to the other is answered, with
// what else the first one is sent among it.
func (n *node) expectAnswer(from, to *application, among func(wire.Message) bool) {
	n.t.Helper()
	ask := request(1)
	if n.far != nil {
		ask.Timeout = 60_000
	}
	from.send(ask)
	if n.far == nil {
		from.member.expect(n.t, "request 1 to svc: ?, within 1s")
		from.member.app.HandleReply(1, []byte("!"))
	} else {
		to.send(&wire.Reply{ID: to.read().(*wire.Call).ID, OK: true, Body: []byte("!")})
	}
	want := &wire.Result{ID: 1, OK: true, Body: []byte("!")}
	for {
		if m := from.read(); same(m, want) {
			return
		} else if !among(m) {
			n.t.Fatalf("application got %s, want %s", show(m), show(want))
		}
	}
}

// expectOwnEvent is expectAlive on a real network.
func (a *application) expectOwnEvent() {
	a.t.Helper()
	topic := []byte("alive")
	a.send(&wire.Subscribe{Topic: topic}, &wire.Publish{Topic: topic, Event: []byte("!")}, &wire.Unsubscribe{Topic: topic})
	a.expect(&wire.Publish{Topic: topic, Event: []byte("!")})
}

// settle lets what is under way arrive.
func (n *node) settle() {
	if n.far == nil {
		synctest.Wait()
		return
	}
	<-time.After(100 * time.Millisecond)
}
