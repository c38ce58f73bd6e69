package roster

import (
	"testing"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/transport"
)

// fakeLinks are the nodes that links are kept to, and whether there is one.
type fakeLinks map[transport.PeerID]bool

func (l fakeLinks) Keep(id transport.PeerID, _ string) {
	if _, kept := l[id]; !kept {
		l[id] = false
	}
}
func (l fakeLinks) Drop(id transport.PeerID)               { delete(l, id) }
func (l fakeLinks) Linked(id transport.PeerID) bool        { return l[id] }
func (l fakeLinks) kept(id transport.PeerID) (is, up bool) { up, is = l[id]; return is, up }

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

// Of members that were never met few are dialled at a time; one that is met makes room, and
// so does one that is gone.
func TestStrangersWaitForTheirTurn(t *testing.T) {
	links := make(fakeLinks)
	r := New(self, links)
	const more = 3
	for i := range MaxStrangers + more {
		r.Up(id(i), "nowhere", 1)
	}
	if len(links) != MaxStrangers {
		t.Fatalf("links are kept to %d strangers, want %d", len(links), MaxStrangers)
	}
	r.Met(id(0))
	if len(links) != MaxStrangers+1 {
		t.Errorf("one was met, and links are kept to %d, want %d", len(links), MaxStrangers+1)
	}
	r.Down(id(1))
	if is, _ := links.kept(id(1)); is || len(links) != MaxStrangers+1 {
		t.Errorf("one is gone, and links are kept to %d, want %d", len(links), MaxStrangers+1)
	}
	for i := range MaxStrangers + more {
		r.Down(id(i))
	}
	if len(links) != 0 || r.strangers != 0 || r.Len() != 0 {
		t.Errorf("%d links are kept, %d strangers and %d members are left", len(links), r.strangers, r.Len())
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
