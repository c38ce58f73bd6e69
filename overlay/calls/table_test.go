package calls

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// record notes what has expired, and when.
type record struct {
	mu    sync.Mutex
	begin time.Time
	calls []string
	after []time.Duration
}

func (r *record) expired(_ uint64, call string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, call)
	r.after = append(r.after, time.Since(r.begin))
}

func mustAdd(t *testing.T, table *Table[string], after time.Duration, call string) uint64 {
	t.Helper()
	id, err := table.Add(time.Now().Add(after), call)
	if err != nil {
		t.Fatalf("Add %s: %v", call, err)
	}
	return id
}

// Each call ends at its deadline, whatever the order in which they were added, unless it
// was taken before.
func TestCallsExpireAtTheirDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &record{begin: time.Now()}
		table := New(10, r.expired)
		mustAdd(t, table, 3*time.Second, "third")
		taken := mustAdd(t, table, 2*time.Second, "taken")
		mustAdd(t, table, time.Second, "first")
		if call, ok := table.Take(taken); !ok || call != "taken" {
			t.Errorf("Take: %q, %v", call, ok)
		}
		if _, ok := table.Take(taken); ok || table.Has(taken) {
			t.Error("a call was taken twice")
		}
		time.Sleep(1500 * time.Millisecond)
		mustAdd(t, table, 500*time.Millisecond, "second")
		time.Sleep(time.Minute)
		synctest.Wait()
		if want := []string{"first", "second", "third"}; !slices.Equal(r.calls, want) {
			t.Errorf("expired %q, want %q", r.calls, want)
		}
		if want := []time.Duration{time.Second, 2 * time.Second, 3 * time.Second}; !slices.Equal(r.after, want) {
			t.Errorf("after %v, want %v", r.after, want)
		}
		if n := table.Len(); n != 0 {
			t.Errorf("%d are left", n)
		}
	})
}

// What is asked anew by a call that has expired is kept as well.
func TestAnExpiredCallMayAddAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var table *Table[int]
		var rounds []int
		table = New(1, func(_ uint64, round int) {
			if rounds = append(rounds, round); round < 3 {
				_, _ = table.Add(time.Now().Add(time.Second), round+1)
			}
		})
		if _, err := table.Add(time.Now().Add(time.Second), 1); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if !slices.Equal(rounds, []int{1, 2, 3}) {
			t.Errorf("rounds %v", rounds)
		}
	})
}

func TestATableIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(2, (&record{}).expired)
		first := mustAdd(t, table, time.Second, "a")
		mustAdd(t, table, time.Second, "b")
		if _, err := table.Add(time.Now(), "c"); !errors.Is(err, ErrFull) {
			t.Errorf("Add to a full table: %v", err)
		}
		table.Take(first)
		mustAdd(t, table, time.Second, "c")
		table.DeleteFunc(func(call string) bool { return call == "b" })
		mustAdd(t, table, time.Second, "d")
		if all := table.Close(); !slices.Equal(all, []string{"c", "d"}) {
			t.Errorf("Close returns %q", all)
		}
	})
}

// After Close nothing expires and nothing is taken in.
func TestAClosedTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &record{begin: time.Now()}
		table := New(10, r.expired)
		mustAdd(t, table, 2*time.Second, "later")
		mustAdd(t, table, time.Second, "sooner")
		if all := table.Close(); !slices.Equal(all, []string{"sooner", "later"}) {
			t.Errorf("Close returns %q", all)
		}
		if _, err := table.Add(time.Now(), "late"); !errors.Is(err, ErrClosed) {
			t.Errorf("Add after Close: %v", err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(r.calls) > 0 || len(table.Close()) > 0 {
			t.Errorf("expired %q", r.calls)
		}
	})
}

// Of all who end a call, one gets it.
func TestACallEndsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 1000
		var mu sync.Mutex
		ended := make(map[int]int)
		end := func(call int) {
			mu.Lock()
			defer mu.Unlock()
			ended[call]++
		}
		table := New(n, func(_ uint64, call int) { end(call) })
		var all sync.WaitGroup
		for i := range n {
			id, err := table.Add(time.Now().Add(time.Duration(i%7)*time.Nanosecond), i)
			if err != nil {
				t.Fatal(err)
			}
			all.Go(func() {
				time.Sleep(time.Duration(i%5) * time.Nanosecond)
				if call, ok := table.Take(id); ok {
					end(call)
				}
			})
		}
		all.Wait()
		for _, call := range table.Close() {
			end(call)
		}
		synctest.Wait()
		for i := range n {
			if ended[i] != 1 {
				t.Errorf("call %d ended %d times", i, ended[i])
			}
		}
	})
}

// A call costs no memory but that of the table.
func TestACallAllocatesNothing(t *testing.T) {
	table := New(10, func(uint64, int) {})
	until := time.Now().Add(time.Hour)
	allocs := testing.AllocsPerRun(1000, func() {
		id, _ := table.Add(until, 1)
		table.Take(id)
	})
	if allocs > 0 {
		t.Errorf("%v allocations a call", allocs)
	}
	table.Close()
}

// purse is memory for so many bytes.
type purse int64

var errEmpty = errors.New("no memory")

func (p *purse) Take(bytes int64) error {
	if int64(*p) < bytes {
		return errEmpty
	}
	*p -= purse(bytes)
	return nil
}

func (p *purse) Give(bytes int64) { *p += purse(bytes) }

// Calls take memory until they end, in whatever way that is.
func TestCallsTakeMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &record{begin: time.Now()}
		table := New(16, r.expired)
		memory := purse(40)
		table.Charge(&memory, 10)
		taken := mustAdd(t, table, time.Minute, "taken")
		mustAdd(t, table, time.Minute, "deleted")
		mustAdd(t, table, time.Second, "expired")
		mustAdd(t, table, time.Minute, "closed")
		if _, err := table.Add(time.Now().Add(time.Second), "one more"); !errors.Is(err, errEmpty) || table.Len() != 4 {
			t.Errorf("one more is told %v, and there are %d", err, table.Len())
		}
		want := func(after string, bytes purse) {
			t.Helper()
			if memory != bytes {
				t.Errorf("there are %d bytes after one was %s, want %d", memory, after, bytes)
			}
		}
		table.Take(taken)
		want("taken", 10)
		table.Take(taken)
		want("taken twice", 10)
		table.DeleteFunc(func(call string) bool { return call == "deleted" })
		want("deleted", 20)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		want("expired", 30)
		table.Close()
		want("closed", 40)
	})
}
