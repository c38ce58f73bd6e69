package multicast

import (
	"slices"
	"sync"
	"testing"

	"github.com/project-iris/iris/overlay/wire"
)

func TestLateOnesAreDropped(t *testing.T) {
	var f Filter
	one, other := Key{Sender: 1}, Key{Sender: 2}
	elsewhere, broadcast, named := one, one, one // each has an order of its own
	elsewhere.Origin[0], broadcast.Kind, named.Name = 1, wire.KindBroadcast, 1
	for i, row := range []struct {
		key   Key
		order uint64
		turn  bool
	}{
		{one, 5, true},
		{one, 4, false},
		{one, 5, false},
		{other, 4, true},
		{one, 7, true},
		{one, 6, false},
		{elsewhere, 6, true},
		{broadcast, 6, true},
		{named, 6, true},
	} {
		turn := f.Begin(row.key, row.order)
		if (turn != nil) != row.turn {
			t.Errorf("row %d: has its turn: %v, want %v", i, turn != nil, row.turn)
		}
		if turn != nil {
			turn.End()
		}
	}
}

// Those that come at the same time are delivered one after the other, in order.
func TestOneTurnAtATime(t *testing.T) {
	var f Filter
	var got []uint64 // guarded by the turns
	var work sync.WaitGroup
	for order := range uint64(100) {
		work.Go(func() {
			if turn := f.Begin(Key{}, order+1); turn != nil {
				got = append(got, order)
				turn.End()
			}
		})
	}
	work.Wait()
	if len(got) == 0 || !slices.IsSorted(got) {
		t.Errorf("delivered %v, want ascending", got)
	}
}

func TestFilterIsBounded(t *testing.T) {
	var f Filter
	for i := range uint64(filterLimit + 10) {
		f.Begin(Key{Sender: i}, 1).End()
	}
	if len(f.turns) != filterLimit {
		t.Errorf("%d turns are remembered, want %d", len(f.turns), filterLimit)
	}
	f.Sweep()
	f.Begin(Key{Name: 1}, 1).End()
	f.Sweep()
	if len(f.turns) != 1 {
		t.Errorf("%d turns are left, want that which was used", len(f.turns))
	}
}
