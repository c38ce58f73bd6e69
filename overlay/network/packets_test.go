package network

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// secretsOf gives nodes secrets for packets, by their number.
func secretsOf(secrets ...byte) func(i int) [][32]byte {
	return func(i int) (all [][32]byte) {
		return [][32]byte{{secrets[i%len(secrets)]}}
	}
}

// opened returns how many packets a node has opened, and how many it could not.
func opened(n *Network) (good, bad uint64) {
	s := n.packets.box.Stats()
	return s.Opened, s.WrongSeal
}

// Nodes that have packets know each other without links, and miss one that dies.
func TestMembershipWithoutLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, mem: mem.NewNetwork(mem.Config{Path: mem.Path{Delay: time.Millisecond}}), secrets: secretsOf(1)}
		w.grow(5)
		settle()
		for _, n := range w.nodes {
			for _, p := range n.peers.All() {
				_ = p.Link().Close(nil)
			}
		}
		time.Sleep(10 * time.Second)
		before, _ := opened(w.nodes[0])
		time.Sleep(10 * time.Second)
		after, bad := opened(w.nodes[0])
		if after-before < 10 || bad > 0 {
			t.Errorf("in ten seconds %d packets were opened, and %d were not", after-before, bad)
		}
		for i, n := range w.nodes {
			if n.Others() != 4 {
				t.Errorf("node %d knows %d others", i, n.Others())
			}
		}
		w.ends[4].Kill()
		time.Sleep(15 * time.Second)
		for i, n := range w.nodes[:4] {
			if n.Others() != 3 {
				t.Errorf("node %d knows %d others after one has died", i, n.Others())
			}
		}
	})
}

// Where packets do not get through, as where nodes cannot open them, links are used.
func TestPacketsThatDoNotPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, mem: mem.NewNetwork(mem.Config{Path: mem.Path{Delay: time.Millisecond}}), secrets: secretsOf(1, 2)}
		w.grow(2)
		settle()
		time.Sleep(5 * time.Minute)
		for i, n := range w.nodes {
			if n.Others() != 1 || !n.NeedsLink(w.nodes[1-i].Self()) {
				t.Errorf("node %d knows %d others, and does not need the link: %v", i, n.Others(), !n.NeedsLink(w.nodes[1-i].Self()))
			}
			good, bad := opened(n)
			if good > 0 || bad == 0 {
				t.Errorf("node %d has opened %d packets, and not %d: the test tests nothing", i, good, bad)
			}
			time.Sleep(time.Minute)
			if _, more := opened(n); more > bad {
				t.Errorf("node %d is still sent packets, %d in a minute", i, more-bad)
			}
		}
	})
}

// Where a packet goes: to the first address that packets can go to, then from where the node
// was heard, or where a link leads.
func TestWherePacketsGo(t *testing.T) {
	end := mem.NewNetwork(mem.Config{}).Node(transport.PeerID{1})
	defer end.Close()
	p := &packets{carrier: end, peers: make(map[transport.PeerID]*packetRoute)}
	id := transport.PeerID{2}
	wants := func(want string) {
		t.Helper()
		if got, ok := p.next(id, "mem://a,mem://b"); got != want || !ok {
			t.Errorf("it goes to %q, %v, want %q", got, ok, want)
		}
	}
	wants("mem://a")
	p.linked(id, "mem://b")
	wants("mem://b")
	p.heard(id, "mem://c")
	wants("mem://c")
	for range mostStreams {
		p.streamed(id)
	}
	if _, ok := p.next(id, ""); ok || p.carries(id) {
		t.Error("packets go on though none is answered")
	}
	p.heard(id, "mem://d")
	wants("mem://d")
	p.forget(id)
	wants("mem://a")
}
