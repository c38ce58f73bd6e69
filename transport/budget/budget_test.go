package budget_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/project-iris/iris/transport/budget"
)

// fill takes one after the other until that is refused, and returns how many were taken.
func fill(h *budget.Holder) (n int64) {
	for h.Take(1) == nil {
		n++
	}
	return n
}

// One who takes all that it gets leaves to each other one its share, and to the next one who
// wants much a part of the rest.
func TestOneThatTakesAllLeavesOthersTheirShares(t *testing.T) {
	b := budget.New(budget.Config{Name: "names", Limit: 1000, Share: 10, Reserve: 200})
	greedy := b.Holder()
	if n := fill(greedy); n != 410 { // half of the 800, and its share
		t.Errorf("one alone got %d, want 410", n)
	}
	if n := fill(b.Holder()); n < 200 {
		t.Errorf("the second one got %d, want 200 at least", n)
	}
	for i := range 8 {
		fill(b.Holder())
		if h := b.Holder(); h.Take(10) != nil {
			t.Fatalf("holder %d did not get its share", i)
		}
	}
	if s := b.Stats(); s.Used > s.Limit {
		t.Errorf("%d of %d are taken", s.Used, s.Limit)
	}
}

// Who has given back what it had gets less when others have come.
func TestWhatIsGivenBackGoesToOthers(t *testing.T) {
	b := budget.New(budget.Config{Name: "names", Limit: 1000, Share: 10, Reserve: 100, Greed: 3})
	first, second := b.Holder(), b.Holder()
	had := fill(first)
	fill(second)
	first.Give(had)
	second.Give(second.Held())
	fill(second)
	if n := fill(first); n >= had {
		t.Errorf("the first has %d again of %d, though another one came", n, had)
	}
}

// A refusal says which limit was met, and whether by all or by the one who asked.
func TestARefusalSaysWhichLimitWasMet(t *testing.T) {
	b := budget.New(budget.Config{Name: "names", Limit: 100, Share: 10, Reserve: 40})
	greedy := b.Holder()
	fill(greedy)
	err := greedy.Take(1)
	if want := "the application has its part of the 100 names of this node, and others need the rest"; !errors.Is(err, budget.ErrRefused) || err.Error() != want {
		t.Errorf("one that has its part is told %q, want %q", err, want)
	}
	err = b.Holder().Take(101)
	if want := "all 100 names of this node are taken"; !errors.Is(err, budget.ErrRefused) || err.Error() != want {
		t.Errorf("one that wants more than all is told %q, want %q", err, want)
	}
	if s := b.Stats(); s.Refused != 3 {
		t.Errorf("%d refusals are counted, want 3", s.Refused)
	}
}

// What is given back goes to those who wait, in the order in which they came; one who has too
// much holds nobody up.
func TestThoseWhoWaitHaveTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budget.New(budget.Config{Name: "bytes", Limit: 100, Share: 1, Reserve: 20})
		greedy, other := b.Holder(), b.Holder()
		fill(greedy)
		fill(other)
		ctx, cancel := context.WithCancel(t.Context())
		turns := make(chan string, 3)
		wait := func(name string, ctx context.Context, h *budget.Holder, n int64) {
			go func() {
				if h.Wait(ctx, n) == nil {
					turns <- name
				} else {
					turns <- name + " in vain"
				}
			}()
			synctest.Wait()
		}
		wait("greedy", ctx, greedy, 50)
		wait("first", t.Context(), b.Holder(), 21)
		wait("second", t.Context(), b.Holder(), 21)
		other.Close()
		synctest.Wait()
		if got := <-turns; got != "first" || len(turns) != 0 {
			t.Fatalf("%q has the first turn, and %d others had theirs", got, len(turns))
		}
		cancel()
		if got := <-turns; got != "greedy in vain" {
			t.Errorf("%q ends, want the greedy one in vain", got)
		}
		greedy.Close()
		if got := <-turns; got != "second" {
			t.Errorf("%q has the last turn, want the second", got)
		}
	})
}

// Who waits for much is not overtaken by those who come later and want little.
func TestWhoWaitsForMuchIsNotOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := budget.New(budget.Config{Name: "bytes", Limit: 100, Share: 1, Reserve: 1, Greed: 99})
		first, second := b.Holder(), b.Holder()
		if first.Take(40) != nil || second.Take(40) != nil {
			t.Fatal("there is no room")
		}
		turns := make(chan int64, 2)
		for _, n := range []int64{30, 20} {
			go func() {
				if b.Holder().Wait(t.Context(), n) == nil {
					turns <- n
				}
			}()
			synctest.Wait()
		}
		first.Give(1) // not enough for the first, and for the second
		if synctest.Wait(); len(turns) > 0 {
			t.Fatalf("who waits for %d is the first", <-turns)
		}
		first.Give(10) // enough for the first alone
		if got := <-turns; got != 30 {
			t.Errorf("who waits for %d is the first", got)
		}
		first.Close()
		<-turns
	})
}

// Whatever holders do, no more than the limit is taken but by force, the reserve is never taken
// by what is beyond shares, and all comes back.
func TestRandomHistories(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		b := budget.New(budget.Config{Name: "bytes", Limit: 1000, Share: 20, Reserve: 300, Greed: 1 + int64(seed%3)})
		holders := make([]*budget.Holder, 12)
		held := make([]int64, len(holders))
		for i := range holders {
			holders[i] = b.Holder()
		}
		for range 500 {
			i, n := random.IntN(len(holders)), random.Int64N(100)
			switch random.IntN(4) {
			case 0, 1:
				if holders[i].Take(n) == nil {
					held[i] += n
				}
			case 2:
				n = min(n, held[i])
				holders[i].Give(n)
				held[i] -= n
			default:
				j := random.IntN(len(holders))
				if i == j {
					continue
				}
				n = min(n, held[i], max(20-held[j], 0)) // within the share
				holders[i].Move(holders[j], n)
				held[i], held[j] = held[i]-n, held[j]+n
			}
			var used, beyond int64
			for _, n := range held {
				used, beyond = used+n, beyond+max(n-20, 0)
			}
			if s := b.Stats(); s.Used != used || used > 1000 || beyond > 700 {
				t.Fatalf("seed %d: %d are taken, %d are counted, %d are beyond shares", seed, used, s.Used, beyond)
			}
		}
		for _, h := range holders {
			h.Close()
		}
		if s := b.Stats(); s.Used != 0 {
			t.Fatalf("seed %d: %d are taken when all have given back", seed, s.Used)
		}
	}
}

// A holder that has no budget may take what it wants.
func TestNoBudgetIsNoLimit(t *testing.T) {
	var h *budget.Holder
	if h.Take(1<<62) != nil || h.Wait(t.Context(), 1<<62) != nil {
		t.Error("a holder without a budget is refused")
	}
	h.Force(1)
	h.Give(1)
	h.Move(h, 1)
	h.Close()
}

// Taking, refusing and giving allocate nothing.
func TestNothingIsAllocated(t *testing.T) {
	b := budget.New(budget.Config{Name: "bytes", Limit: 1000})
	h := b.Holder()
	if n := testing.AllocsPerRun(100, func() {
		_ = h.Take(100)
		_ = h.Take(10_000)
		h.Give(100)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
