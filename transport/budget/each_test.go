package budget_test

import (
	"errors"
	"testing"

	"github.com/project-iris/iris/transport/budget"
)

// One who takes all that it gets leaves to each other one its share, is told that it has its
// part, and all comes back.
func TestOneKeyLeavesOthersTheirShares(t *testing.T) {
	e := budget.NewEach[string](budget.Config{Name: "requests", Of: "a member", Limit: 100, Share: 5, Reserve: 20, Greed: 3})
	var err error
	taken := 0
	for ; err == nil; taken++ {
		err = e.Take("greedy")
	}
	taken--
	if want := "the application has its part of the 100 requests of a member, and others need the rest"; taken != 65 || err.Error() != want || !errors.Is(err, budget.ErrPart) || !errors.Is(err, budget.ErrRefused) {
		t.Errorf("it has %d and is told %v", taken, err)
	}
	for _, key := range []string{"a", "b", "c"} {
		for range 5 {
			if err := e.Take(key); err != nil {
				t.Fatalf("%s: %v", key, err)
			}
		}
	}
	for e.Take("a") == nil {
	}
	for i := 0; e.Stats().Used < 100; i++ {
		if err := e.Take(string(rune('d' + i))); err != nil {
			t.Fatalf("with %d taken: %v", e.Stats().Used, err)
		}
	}
	if err := e.Take("last"); errors.Is(err, budget.ErrPart) || !errors.Is(err, budget.ErrRefused) {
		t.Errorf("when all are taken, one is told %v", err)
	}
	for range taken {
		e.Give("greedy")
	}
	if used := e.Stats().Used; used != int64(100-taken) {
		t.Errorf("%d are taken when the greedy one has given back", used)
	}
	e.Give("greedy")
	if used := e.Stats().Used; used != int64(100-taken) {
		t.Errorf("%d are taken when it has given back too much", used)
	}
}

// One holder has no more than the most.
func TestNobodyHasMoreThanTheMost(t *testing.T) {
	e := budget.NewEach[int](budget.Config{Name: "requests", Limit: 100, Most: 7})
	for range 7 {
		if err := e.Take(1); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Take(1); !errors.Is(err, budget.ErrPart) {
		t.Errorf("the eighth is %v", err)
	}
	if err := e.Take(2); err != nil {
		t.Error(err)
	}
}

// Nothing is allocated where about as many have something.
func TestKeysAreNotAllocated(t *testing.T) {
	e := budget.NewEach[any](budget.Config{Name: "requests", Limit: 100})
	keys := []any{new(int), new(int), new(int)}
	if n := testing.AllocsPerRun(1000, func() {
		for _, k := range keys {
			_ = e.Take(k)
		}
		for _, k := range keys {
			e.Give(k)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
