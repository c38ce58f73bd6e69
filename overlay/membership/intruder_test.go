package membership_test

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// intruder is a peer with the key that speaks as it likes.
type intruder struct {
	id   transport.PeerID
	link transport.Link
}

// intrude links an intruder to a node, which takes the link into use.
func intrude(t *testing.T, network *mem.Network, n *node) *intruder {
	t.Helper()
	id := transport.PeerID{31: 7} // decides
	own := network.Node(id)
	t.Cleanup(func() { _ = own.Close() })
	link, err := own.Dial(t.Context(), addr(n.id), n.id)
	if err != nil {
		t.Fatal(err)
	}
	go func() { // what it is sent, it does not read
		for {
			s, err := link.Accept(t.Context())
			if err != nil {
				return
			}
			_ = s
		}
	}()
	i := &intruder{id, link}
	i.open(t, peers.KindControl, nil)
	time.Sleep(time.Millisecond)
	return i
}

func (i *intruder) open(t *testing.T, kind peers.Kind, text []byte) transport.Stream {
	t.Helper()
	s, err := i.link.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(append([]byte{byte(kind)}, text...)); err != nil {
		t.Fatal(err)
	}
	return s
}

// object encodes a map as memberlist does.
func object(fields ...any) []byte {
	b := []byte{0x80 | byte(len(fields)/2)}
	for _, f := range fields {
		switch f := f.(type) {
		case string:
			b = binary.BigEndian.AppendUint16(append(b, 0xda), uint16(len(f)))
			b = append(b, f...)
		case int:
			b = binary.BigEndian.AppendUint64(append(b, 0xcf), uint64(f))
		case bool:
			b = append(b, 0xc2)
		}
	}
	return b
}

func address(id transport.PeerID) string { return "\xfd" + string(id[:15]) }

const versions = "\x01\x05\x02\x00\x00\x00"

func alive(name, addr, meta string) []byte {
	return append([]byte{4}, object("Incarnation", 1, "Node", name, "Addr", addr, "Port", 1, "Meta", meta, "Vsn", versions)...)
}

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

func TestGarbageChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, nodes := startNetwork(t, lan(1), 3)
		n := nodes[0]
		i := intrude(t, network, n)
		before := heap()
		random := rand.New(rand.NewPCG(1, 2))
		for round := range 20_000 {
			b := make([]byte, random.IntN(transport.MaxDatagram+1))
			for at := range b {
				b[at] = byte(random.Uint32())
			}
			if len(b) > 0 && round%2 == 0 {
				b[0] = byte(random.IntN(14))
			}
			if len(b) > 2 && round%4 == 0 {
				b[1] = 0x80 | b[1]&0x0f
			}
			_ = i.link.SendDatagram(b)
			if round%16 == 0 {
				s := i.open(t, peers.KindMembership, b)
				if round%32 == 0 {
					_ = s.CloseWrite()
				}
			}
			if round%64 == 0 {
				time.Sleep(10 * time.Millisecond)
			}
		}
		time.Sleep(30 * time.Second)
		awaitAgreement(t, nodes, 0)
		if grown := int64(heap() - before); grown > 4<<20 {
			t.Errorf("memory has grown by %d bytes", grown)
		}
		if n.losses() > 0 || n.members.Dropped() < 1000 {
			t.Errorf("%d nodes lost, %d packets dropped", n.losses(), n.members.Dropped())
		}
	})
}

func TestNodesThatCannotBeAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, nodes := startNetwork(t, lan(1), 3)
		i := intrude(t, network, nodes[0])
		ghost := idOf(1000)
		rows := []struct {
			name string
			text []byte
		}{
			{"no name", alive("", address(ghost), "")},
			{"no id", alive("ghost", address(ghost), "")},
			{"another address", alive(ghost.String(), address(idOf(1001)), "")},
			{"a second name of a node", alive(strings.ToUpper(nodes[1].id.String()), address(nodes[1].id), "")},
			{"the zero id", alive(transport.PeerID{}.String(), address(transport.PeerID{}), "")},
			{"too much to tell", alive(ghost.String(), address(ghost), strings.Repeat("x", 513))},
			{"no versions", append([]byte{4}, object("Incarnation", 1, "Node", ghost.String(), "Addr", address(ghost), "Port", 1)...)},
			{"compressed", append([]byte{9}, alive(ghost.String(), address(ghost), "")...)},
			{"for the user", []byte{8, 1, 2, 3}},
		}
		for _, row := range rows {
			if err := i.link.SendDatagram(row.text); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
			for _, n := range nodes {
				if !n.sees(nodes) {
					t.Errorf("%s: believed", row.name)
				}
			}
		}
		if err := i.link.SendDatagram(alive(ghost.String(), address(ghost), "here")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		if nodes[0].members.Len() != 4 {
			t.Error("a good one is not believed: the test tests nothing")
		}
		time.Sleep(20 * time.Second)
		if !nodes[0].sees(nodes) {
			t.Error("a node that is nowhere lives on")
		}
	})
}

// TestClaimsTakeNoMemory: lists and lengths that a peer names and does not send.
func TestClaimsTakeNoMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, nodes := startNetwork(t, lan(1), 3)
		n := nodes[0]
		i := intrude(t, network, n)
		header := func(nodes, more int) []byte {
			return append([]byte{6}, object("Nodes", nodes, "UserStateLen", more, "Join", false)...)
		}
		claims := [][]byte{
			header(1<<20, 0), header(-1, 0), header(8193, 0), header(0, 20<<20), header(0, 1),
			append([]byte{8}, object("UserMsgLen", 20<<20)...),
			append([]byte{9}, object("Algo", 0, "Buf", strings.Repeat("\x00", 1000))...),
			append([]byte{6, 0x81, 0xa5}, "Nodes\xdb\xff\xff\xff\xff"...),
			{6, 0xdf, 0xff, 0xff, 0xff, 0xff},
			{10, 0xff, 0xff, 0xff, 0xff},
			{244, 255},
		}
		var most uint64
		before := heap()
		for round := range 200 {
			claim := claims[round%len(claims)]
			s := i.open(t, peers.KindMembership, claim)
			time.Sleep(2 * time.Millisecond)
			most = max(most, heap())
			_ = s.SetReadDeadline(time.Now().Add(5 * time.Second))
			if _, err := io.ReadAll(s); err != nil && strings.Contains(err.Error(), "timeout") {
				t.Errorf("claim %x: not ended", claim[:2])
			}
		}
		if grown := int64(most - before); grown > 4<<20 {
			t.Errorf("memory has grown by %d bytes", grown)
		}
		time.Sleep(10 * time.Second)
		awaitAgreement(t, nodes, 0)
	})
}

// TestAFloodOfNamesIsBounded, and the nodes that were there stay.
func TestAFloodOfNamesIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(lan(1))
		limit = 20
		defer func() { limit = 0 }()
		nodes := []*node{start(t, network, idOf(1)), start(t, network, idOf(2))}
		nodes[1].seed(nodes[0])
		awaitAgreement(t, nodes, time.Second)
		i := intrude(t, network, nodes[0])
		for name := range 500 {
			ghost := idOf(1000 + name)
			if err := i.link.SendDatagram(alive(ghost.String(), address(ghost), "nowhere")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
			if n := nodes[0].members.Len(); n > 21 {
				t.Fatalf("%d nodes", n)
			}
		}
		time.Sleep(2 * time.Minute)
		awaitAgreement(t, nodes, 0)
		third := start(t, network, idOf(3))
		third.seed(nodes[0])
		awaitAgreement(t, append(nodes, third), 2*time.Second)
	})
}

// TestStreamsOfAPeerAreBounded: those that are opened and then say nothing.
func TestStreamsOfAPeerAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, nodes := startNetwork(t, lan(1), 3)
		i := intrude(t, network, nodes[0])
		before := nodes[0].members.Dropped()
		for range 100 {
			i.open(t, peers.KindMembership, nil)
		}
		time.Sleep(time.Second)
		if n := nodes[0].members.Dropped() - before; n != 96 {
			t.Errorf("%d streams of 100 refused, want all but four", n)
		}
		if err := nodes[1].members.Join(nodes[0].id); err != nil {
			t.Errorf("another node's list: %v", err)
		}
		time.Sleep(6 * time.Second)
		i.open(t, peers.KindMembership, nil)
		time.Sleep(time.Second)
		if n := nodes[0].members.Dropped() - before; n != 96 {
			t.Error("the silent ones' places are not free again")
		}
	})
}
