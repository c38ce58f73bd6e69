package budget_test

import (
	"errors"
	"testing"

	"github.com/project-iris/iris/transport/budget"
)

// Small things are free up to 16 KiB, and then taken in blocks of 64 KiB, of which one that is
// not needed is kept; what all of them give back is all there was.
func TestSmallThingsAreTakenInBlocks(t *testing.T) {
	b := budget.New(budget.Config{Name: "bytes", Limit: 1 << 20, Greed: 7})
	blocks := budget.NewBlocks(b.Holder())
	want := func(after string, used int64) {
		t.Helper()
		if got := b.Stats().Used; got != used<<10 {
			t.Errorf("%s: %d KiB are taken, want %d", after, got>>10, used)
		}
	}
	take := func(kib int64) {
		t.Helper()
		if err := blocks.Take(kib << 10); err != nil {
			t.Fatal(err)
		}
	}
	take(16)
	want("what is free", 0)
	take(1)
	want("one more", 64)
	take(64)
	want("one block and one more", 128)
	blocks.Give(1 << 10)
	want("one less", 128)
	blocks.Give(63 << 10)
	want("a block less", 128)
	blocks.Give(1 << 10)
	want("two blocks less", 64)
	take(1)
	want("one more again", 64)
	blocks.Give(17 << 10)
	want("nothing", 0)
	if err := blocks.Take(2 << 20); !errors.Is(err, budget.ErrRefused) {
		t.Errorf("more than all: %v", err)
	}
	want("more than all", 0)
	blocks.Force(2 << 20)
	want("more than all in any case", 2048)
	blocks.Give(2 << 20)
	want("nothing again", 0)

	none := budget.NewBlocks(nil)
	if none.Take(1<<40) != nil {
		t.Error("blocks of no holder have a limit")
	}
	none.Force(1)
	none.Give(1)
}
