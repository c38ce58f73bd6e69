package roster

import (
	"testing"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/transport"
)

// fakeLinks are the nodes that were met, and whether there is a link.
type fakeLinks map[transport.PeerID]bool

func (l fakeLinks) Meet(id transport.PeerID, _ string) {
	if _, met := l[id]; !met {
		l[id] = false
	}
}

func (l fakeLinks) Forget(id transport.PeerID)      { delete(l, id) }
func (l fakeLinks) Linked(id transport.PeerID) bool { return l[id] }

var self = directory.Member{ID: transport.PeerID{1}, Epoch: 7}

func id(i int) transport.PeerID { return transport.PeerID{2, byte(i), byte(i >> 8)} }

// What is remembered of finds that come to nothing is bounded.
func TestFindsAreBounded(t *testing.T) {
	r := New(self, make(fakeLinks))
	for i := range 10 * maxFinds {
		r.Expect(id(i), "beacon")
	}
	if len(r.finds) != maxFinds {
		t.Errorf("%d finds are remembered, want %d", len(r.finds), maxFinds)
	}
}

// Links can be made to members, and to nobody else.
func TestMembersAreMet(t *testing.T) {
	links := make(fakeLinks)
	r := New(self, links)
	for i := range 3 {
		r.Up(id(i), "nowhere", 1)
	}
	r.Down(id(1))
	if _, met := links[id(1)]; met || len(links) != 2 {
		t.Errorf("%d nodes are met, want 2, without the one that is gone", len(links))
	}
}

// Whoever reads the list hears of each change, and the directory's list has this node too.
func TestTheListIsOne(t *testing.T) {
	links := make(fakeLinks)
	r := New(self, links)
	links[id(1)] = true // it has made the link itself
	changed := r.Changed()
	if how, news := r.Up(id(1), "here", 5); how != ByItself || !news {
		t.Errorf("found %s, news %v", how, news)
	}
	select {
	case <-changed:
	default:
		t.Error("nobody hears of a new member")
	}
	if how, news := r.Up(id(1), "there", 5); how != ByItself || news {
		t.Errorf("found again %s, news %v", how, news)
	}
	r.Expect(id(2), "dns")
	if how, news := r.Up(id(2), "", 6); how != "dns" || !news {
		t.Errorf("found %s, news %v", how, news)
	}
	if list := r.List(); len(list) != 2 || !r.Has(id(1)) || r.Has(id(3)) {
		t.Errorf("the list is %v", list)
	}
	members := r.Members()
	for _, m := range []directory.Member{self, {ID: id(1), Epoch: 5}, {ID: id(2), Epoch: 6}} {
		if epoch, ok := members.Epoch(m.ID); !ok || epoch != m.Epoch {
			t.Errorf("the directory knows %v in the epoch %d, %v", m, epoch, ok)
		}
	}
	r.Down(id(1))
	if r.Has(id(1)) || r.Members().Len() != 2 || members.Len() != 3 {
		t.Error("who is gone is on the list, or a list was changed in place")
	}
}
