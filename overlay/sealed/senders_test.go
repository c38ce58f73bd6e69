package sealed

import (
	"testing"

	"github.com/project-iris/iris/transport"
)

// TestTheSenderSilentForLongestIsForgotten has room for three.
func TestTheSenderSilentForLongestIsForgotten(t *testing.T) {
	var s senders
	s.init(3)
	id := func(n byte) transport.PeerID { return transport.PeerID{n} }
	expect := func(what string, n byte, counter uint64, want error) {
		t.Helper()
		if err := s.accept(id(n), 1, counter); err != want {
			t.Errorf("%s: %v; want %v", what, err, want)
		}
	}
	for n := range byte(3) {
		expect("the first packet", n, 1, nil)
	}
	expect("a packet of the first", 0, 2, nil)
	expect("a replay of the second, which does not count", 1, 1, ErrReplayed)
	expect("one more sender", 3, 1, nil)
	if len(s.byID) != 3 || s.evicted != 1 || s.byID[id(1)] != nil {
		t.Errorf("%d senders, %d forgotten, the second is there: %v", len(s.byID), s.evicted, s.byID[id(1)] != nil)
	}
	expect("the first again", 0, 2, ErrReplayed)
	expect("the third again", 2, 1, ErrReplayed)
	expect("the fourth again", 3, 1, ErrReplayed)
	expect("the second, which was forgotten", 1, 1, nil)
	if s.byID[id(2)] != nil || s.evicted != 2 {
		t.Error("the third was not forgotten next")
	}
}

func TestTheTableOfSendersIsBounded(t *testing.T) {
	var s senders
	s.init(100)
	for n := range 10_000 {
		if err := s.accept(transport.PeerID{byte(n), byte(n >> 8)}, 1, 1); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.byID) != 100 || s.evicted != 9_900 {
		t.Errorf("%d senders, %d forgotten", len(s.byID), s.evicted)
	}
	ring := 0
	for one := s.ring.after; one != &s.ring; one = one.after {
		ring++
	}
	if ring != 100 {
		t.Errorf("%d senders in the ring", ring)
	}
}
