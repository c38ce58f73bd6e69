package peers_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// contests are those that a node was told of.
type contests struct {
	mu  sync.Mutex
	all []peers.Contest
}

func (c *contests) add(one peers.Contest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, one)
}

func (c *contests) list() []peers.Contest {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.all
}

// copies starts two nodes with one id, which listen at the addresses "first" and "copy".
func copies(t *testing.T, network *mem.Network, id transport.PeerID) (nodes [2]*node, told [2]*contests) {
	t.Helper()
	first := network.Node(id)
	ends := []*mem.Transport{first, network.Copy(first)}
	for i, at := range []string{"first", "copy"} {
		told[i] = &contests{}
		nodes[i] = &node{transport: ends[i], recorder: newRecorder(t)}
		nodes[i].serve(at, told[i].add)
	}
	return nodes, told
}

// Two nodes that have one id take each other's links to the others. Both notice, whichever
// side decides, and the others are not confused about themselves.
func TestTwoNodesWithOneIDNotice(t *testing.T) {
	for _, third := range []transport.PeerID{{1}, {3}} {
		synctest.Test(t, func(t *testing.T) {
			network := mem.NewNetwork(mem.Config{Path: mem.Path{Delay: 5 * time.Millisecond}})
			start(t, network, third)
			both, told := copies(t, network, transport.PeerID{2})
			both[0].Keep(third, addr(third))
			time.Sleep(time.Minute)
			if len(told[0].list()) != 0 {
				t.Fatal("a node that is alone with its id says that another one has it")
			}
			both[1].Keep(third, addr(third))
			began := time.Now()
			eventually(t, time.Minute, "one of two nodes with one id to notice", func() bool {
				return len(told[0].list())+len(told[1].list()) > 0
			})
			t.Logf("noticed after %v", time.Since(began))
			eventually(t, 15*time.Second, "the other one to notice", func() bool {
				return len(told[0].list()) > 0 && len(told[1].list()) > 0
			})
			time.Sleep(time.Minute)
			for i := range both {
				if got := told[i].list(); len(got) != 1 || got[0].Grace != 15*time.Second || got[0].Other == "" {
					t.Errorf("node %d was told %+v", i, got)
				}
			}
		})
	}
}

// A node that reaches another one with its id knows at once, and one that reaches itself
// knows that as well.
func TestANodeReachesAnotherWithItsID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		both, told := copies(t, network, transport.PeerID{2})
		if _, err := both[0].Dial(t.Context(), "first", transport.PeerID{}); !errors.Is(err, transport.ErrSelf) {
			t.Errorf("it reaches itself: %v", err)
		}
		if got := told[0].list(); len(got) != 0 {
			t.Errorf("it takes itself for another: %+v", got)
		}
		for range 2 {
			if _, err := both[0].Dial(t.Context(), "copy", transport.PeerID{}); !errors.Is(err, transport.ErrSameID) {
				t.Errorf("it reaches another: %v", err)
			}
		}
		if got := told[0].list(); len(got) != 1 || got[0] != (peers.Contest{Other: "copy"}) {
			t.Errorf("it was told %+v", got)
		}
		if got := told[1].list(); len(got) != 0 {
			t.Errorf("the other one was told %+v", got)
		}
		third := transport.PeerID{3}
		start(t, network, third)
		if _, err := both[1].Dial(t.Context(), addr(third), third); err != nil {
			t.Fatal(err)
		}
		_, _ = both[1].Dial(t.Context(), "first", transport.PeerID{})
		if got := told[1].list(); len(got) != 1 || got[0] != (peers.Contest{Other: "first", Grace: 15 * time.Second}) {
			t.Errorf("the other one, which has links, was told %+v", got)
		}
	})
}

// decider is a node that takes links into use as it likes.
type decider struct {
	t  *testing.T
	at *node // the other side
	*mem.Transport
}

// dial makes a link, which the other side uses if it is told to.
func (d decider) dial() (link transport.Link, use func()) {
	d.t.Helper()
	link, err := d.Dial(d.t.Context(), addr(d.at.transport.ID()), d.at.transport.ID())
	if err != nil {
		d.t.Fatal(err)
	}
	synctest.Wait() // the other side has it too
	return link, func() {
		s, err := link.Open(d.t.Context())
		if err != nil {
			d.t.Fatal(err)
		}
		if _, err := s.Write([]byte{byte(peers.KindControl)}); err != nil {
			d.t.Fatal(err)
		}
		synctest.Wait()
		if d.at.Get(d.ID()) == nil {
			d.t.Fatal("the link is not used")
		}
	}
}

func displace(link transport.Link) {
	_ = link.Close(&transport.ClosedError{Code: peers.CodeDuplicate, Reason: "so it says"})
	synctest.Wait()
}

// Links that are displaced now and then say nothing, nor do any that are displaced by a link
// that there is: the node hears of the end of the one before it hears of the use of the other.
func TestOrdinaryDuplicatesSayNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		d := decider{t, start(t, network, transport.PeerID{2}), network.Node(transport.PeerID{1})}
		defer d.Close()
		for range 20 {
			link, use := d.dial()
			use()
			displace(link)
			time.Sleep(31 * time.Second)
		}
		link, use := d.dial()
		use()
		for range 20 {
			other, use := d.dial()
			displace(link)
			use()
			link = other
		}
	})
}
