package client

import (
	"slices"
	"testing"
	"testing/synctest"
)

// The order holds and the memory is given back, however long the queue never runs
// empty.
func TestInboxKeepsOrderAndMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g group
		var got []int
		step := make(chan struct{})
		b := newInbox(&g, 1000, 1, func(i int) {
			<-step
			got = append(got, i)
		})
		var want []int
		for i := range 10_000 {
			if !b.put(i, 10) {
				t.Fatalf("no room for number %d", i)
			}
			want = append(want, i)
			if i >= 5 {
				step <- struct{}{}
				synctest.Wait()
			}
		}
		if n := cap(b.items); n > 100 {
			t.Errorf("room for %d items, of which 5 waited", n)
		}
		close(step)
		if left := g.wait(t.Context()); left != 0 {
			t.Errorf("%d workers are left", left)
		}
		if !slices.Equal(got, want) || b.bytes != 0 || b.running != 0 {
			t.Errorf("%d items, %d bytes, %d workers", len(got), b.bytes, b.running)
		}
	})
}

func TestInboxIsBoundedInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g group
		hold := make(chan struct{})
		b := newInbox(&g, 2*itemOverhead, 1, func(int) { <-hold })
		b.put(0, 0)
		synctest.Wait() // with the worker
		for i, row := range []struct {
			size int
			want bool
		}{{0, true}, {1000, true}, {0, false}} { // the last one that fits may exceed the limit
			if b.put(i, row.size) != row.want {
				t.Errorf("put %d: want %t", i, row.want)
			}
		}
		b.discard()
		if b.put(9, 0) {
			t.Error("took an item after discard")
		}
		close(hold)
	})
}
