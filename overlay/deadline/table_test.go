package deadline

import (
	"math"
	"slices"
	"testing"
	"time"
)

var epoch = time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)

// at is a deadline, in seconds after the epoch.
func at(seconds int) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }

// Rows put values into a table, with the deadlines of add, take those with the ids
// of take, and expire the rest at a time. The ids are the indexes of add.
var tableRows = []struct {
	name    string
	add     []int
	take    []uint64
	now     int
	expired []uint64
	left    []uint64
}{
	{name: "an empty table has nothing to expire", now: 100},
	{name: "a deadline that is now has passed", add: []int{5}, now: 5, expired: []uint64{0}},
	{name: "a deadline after now has not", add: []int{6}, now: 5, left: []uint64{0}},
	{name: "earliest first, whatever the order of adding", add: []int{3, 1, 2}, now: 9, expired: []uint64{1, 2, 0}},
	{name: "in order of adding", add: []int{1, 2, 3, 4}, now: 2, expired: []uint64{0, 1}, left: []uint64{2, 3}},
	{name: "in reverse", add: []int{4, 3, 2, 1}, now: 2, expired: []uint64{3, 2}, left: []uint64{0, 1}},
	{name: "what was taken does not expire", add: []int{1, 2, 3}, take: []uint64{1}, now: 9, expired: []uint64{0, 2}},
	{name: "the earliest is taken", add: []int{1, 2, 3}, take: []uint64{0}, now: 2, expired: []uint64{1}, left: []uint64{2}},
	{name: "the latest is taken", add: []int{1, 2, 3}, take: []uint64{2}, now: 9, expired: []uint64{0, 1}},
	{name: "all are taken", add: []int{1, 2, 3}, take: []uint64{0, 1, 2}, now: 9},
	// The last entry of the heap, 4, replaces 6 and has to go up, past 5.
	{name: "a replacement goes up", add: []int{1, 5, 2, 6, 7, 3, 4}, take: []uint64{3}, now: 9, expired: []uint64{0, 2, 5, 6, 1, 4}},
	// The last entry, 7, replaces 1 and has to go down.
	{name: "a replacement goes down", add: []int{1, 2, 3, 4, 5, 6, 7}, take: []uint64{0}, now: 4, expired: []uint64{1, 2, 3}, left: []uint64{4, 5, 6}},
}

func TestTable(t *testing.T) {
	for _, row := range tableRows {
		t.Run(row.name, func(t *testing.T) {
			var table Table[int]
			for i, seconds := range row.add {
				if id := table.Add(at(seconds), seconds); id != uint64(i) {
					t.Fatalf("value %d got the id %d", i, id)
				}
				check(t, &table)
			}
			for _, id := range row.take {
				if v, ok := table.Take(id); !ok || v != row.add[id] {
					t.Fatalf("Take(%d) = %d, %t; want %d", id, v, ok, row.add[id])
				}
				check(t, &table)
			}
			if got := expireAll(&table, at(row.now)); !slices.Equal(got, row.expired) {
				t.Errorf("expired %d, want %d", got, row.expired)
			}
			check(t, &table)
			if table.Len() != len(row.left) {
				t.Errorf("%d values are left, want %d", table.Len(), len(row.left))
			}
			for _, id := range row.left {
				if !table.Has(id) {
					t.Errorf("%d is gone", id)
				}
			}
		})
	}
}

// expireAll returns the ids of all values whose deadline has passed.
func expireAll(table *Table[int], now time.Time) []uint64 {
	var ids []uint64
	for {
		id, _, ok := table.Expire(now)
		if !ok {
			return ids
		}
		ids = append(ids, id)
	}
}

func TestUnknownIDsAreNotThere(t *testing.T) {
	var table Table[string]
	if _, ok := table.Take(0); ok || table.Has(0) {
		t.Error("an empty table has the id 0")
	}
	id := table.Add(at(1), "once")
	for _, unknown := range []uint64{id + 1, math.MaxUint64} {
		if _, ok := table.Take(unknown); ok || table.Has(unknown) {
			t.Errorf("the table has the id %d, which it never gave out", unknown)
		}
	}
	if v, ok := table.Take(id); !ok || v != "once" {
		t.Errorf("Take = %q, %t", v, ok)
	}
	if _, ok := table.Take(id); ok || table.Has(id) {
		t.Error("a value was there after it was taken")
	}
}

func TestDeleteFunc(t *testing.T) {
	var table Table[int]
	for i := range 100 {
		table.Add(at(i*37%100), i)
	}
	if n := table.DeleteFunc(func(v int) bool { return v%3 != 0 }); n != 66 {
		t.Errorf("%d values were removed, want 66", n)
	}
	check(t, &table)
	for id := range uint64(100) {
		if table.Has(id) != (id%3 == 0) {
			t.Errorf("Has(%d) = %t", id, table.Has(id))
		}
	}
	if n := table.DeleteFunc(func(int) bool { return true }); n != 34 || table.Len() != 0 {
		t.Errorf("%d values were removed, %d are left", n, table.Len())
	}
	check(t, &table)
}

func TestIDsAreNeverUsedAgain(t *testing.T) {
	var table Table[int]
	for want := range uint64(5000) { // emptied often, and shrunk once
		if id := table.Add(at(1), 0); id != want {
			t.Fatalf("id %d, want %d", id, want)
		}
		if want < 2000 || want >= 4000 {
			table.Take(want)
		}
		if want == 3999 {
			expireAll(&table, at(1))
		}
	}
}

func TestNextIsTheEarliestDeadline(t *testing.T) {
	var table Table[int]
	if _, ok := table.Next(); ok {
		t.Error("an empty table has a next deadline")
	}
	for _, seconds := range []int{7, 5, 9} {
		table.Add(at(seconds), 0)
	}
	if next, ok := table.Next(); !ok || !next.Equal(at(5)) {
		t.Errorf("next is %v, want %v", next, at(5))
	}
}

// A deadline that is 292 years away loses its monotonic reading; it is still later
// than all others.
func TestHugeTimeoutsAreLast(t *testing.T) {
	var table Table[int]
	now := time.Now()
	never := table.Add(now.Add(math.MaxInt64), 0)
	soon := table.Add(now.Add(time.Second), 0)
	if id, _, ok := table.Expire(now.Add(time.Minute)); !ok || id != soon {
		t.Errorf("expired %d, %t; want %d", id, ok, soon)
	}
	if _, _, ok := table.Expire(now.Add(time.Minute)); ok || !table.Has(never) {
		t.Error("the huge timeout has passed")
	}
}

func TestTakenValuesAreForgotten(t *testing.T) {
	var table Table[*int]
	id := table.Add(at(1), new(int))
	table.Add(at(2), new(int))
	table.Take(id)
	table.Expire(at(2))
	for i, s := range table.slots {
		if s.value != nil {
			t.Errorf("slot %d keeps its value alive", i)
		}
	}
}

func TestMemoryOfABurstIsGivenBack(t *testing.T) {
	var table Table[int]
	for range 5000 {
		table.Add(at(1), 0)
	}
	expireAll(&table, at(1))
	if cap(table.slots)+cap(table.heap)+cap(table.free) > 0 || table.entries != nil { // an emptied map keeps its room
		t.Errorf("room for %d slots is kept, or for their ids: %t", cap(table.slots), table.entries != nil)
	}
	table.Add(at(1), 0)
	check(t, &table)
}

// check holds the table against what it says of itself: the heap is ordered, each
// entry knows its index, and each slot is either in use or free.
func check[T any](t *testing.T, table *Table[T]) {
	t.Helper()
	if n := len(table.heap); len(table.entries) != n || n+len(table.free) != len(table.slots) {
		t.Fatalf("%d in the heap, %d ids, %d free of %d slots", n, len(table.entries), len(table.free), len(table.slots))
	}
	used := make([]bool, len(table.slots))
	for index, n := range table.heap {
		s := table.slots[n]
		used[n] = true
		if s.index != index {
			t.Fatalf("the entry at index %d believes that it is at %d", index, s.index)
		}
		if table.entries[s.id] != n {
			t.Fatalf("id %d is in slot %d, not in %d", s.id, n, table.entries[s.id])
		}
		if index > 0 && table.before(index, (index-1)/2) {
			t.Fatalf("index %d is before its parent", index)
		}
	}
	for _, n := range table.free {
		if used[n] {
			t.Fatalf("slot %d is free and in use", n)
		}
	}
}
