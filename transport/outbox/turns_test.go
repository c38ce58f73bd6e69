package outbox_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/project-iris/iris/transport/outbox"
)

// add adds a frame to a queue, and lets the writer go as far as it can.
func (w *writer) add(q *outbox.Queue, frame string) {
	w.t.Helper()
	b, err := q.BeginOver(len(frame))
	if err != nil {
		w.t.Fatal(err)
	}
	w.Commit(append(b, frame...))
	synctest.Wait()
}

func TestPromptGoesBeforeBulk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 1<<20, 0)
		w.add(&w.Bulk, "under way")
		w.add(&w.Bulk, "bulk 1 ")
		w.add(&w.Prompt, "prompt 1 ")
		w.add(&w.Bulk, "bulk 2")
		w.add(&w.Prompt, "prompt 2")
		w.wantWrite("under way")
		w.wantWrite("prompt 1 prompt 2")
		w.wantWrite("bulk 1 bulk 2")
		w.Close()
		w.wantEnd(nil)
	})
}

// However much is prompt, bulk has its turn after 256 KiB of it; and what comes after Order is
// behind all that was prompt before.
func TestBulkIsNotStarved(t *testing.T) {
	large := strings.Repeat("p", 72<<10) // a segment of its own
	for _, ordered := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := start(t, 1<<20, 0)
			w.add(&w.Prompt, "under way")
			for range 6 {
				w.add(&w.Prompt, large)
			}
			if ordered {
				w.Order()
			}
			w.add(&w.Bulk, "bulk")
			w.add(&w.Prompt, "late")
			w.wantWrite("under way")
			for i := range 6 {
				if i == 4 && !ordered {
					w.wantWrite("bulk")
				}
				w.wantWrite(large)
			}
			if ordered {
				w.wantWrite("bulk")
			}
			w.wantWrite("late")
			w.Close()
			w.wantEnd(nil)
		})
	}
}

// The last frames are behind everything, whichever queue they are in.
func TestTheLastIsBehindAll(t *testing.T) {
	large := strings.Repeat("p", 72<<10)
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 1<<20, 0)
		w.add(&w.Bulk, "under way")
		for range 6 {
			w.add(&w.Prompt, large)
		}
		b, err := w.Bulk.BeginOver(4)
		if err != nil {
			t.Fatal(err)
		}
		w.CommitLast(append(b, "last"...))
		w.wantWrite("under way")
		for range 6 {
			w.wantWrite(large)
		}
		w.wantWrite("last")
		w.wantEnd(nil)
	})
}

// Bulk that fills the outbox leaves no room for anything, unless its prompt queue is apart.
func TestRoomApart(t *testing.T) {
	for _, apart := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := start(t, 10, 0)
			if apart {
				w.SetApart()
			}
			w.add(&w.Bulk, "0123456789")
			if w.Prompt.Full() == apart || !w.Bulk.Full() {
				t.Errorf("apart %v: prompt full %v, bulk full %v", apart, w.Prompt.Full(), w.Bulk.Full())
			}
			w.add(&w.Prompt, "0123456789")
			if !w.Prompt.Full() {
				t.Error("more than the limit is prompt, and it is not full")
			}
			w.wantWrite("0123456789")
			w.wantWrite("0123456789")
			w.Close()
			w.wantEnd(nil)
		})
	}
}

// Positions are those of a queue: what was handed over of the other one does not count.
func TestPositionsAreOfAQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 1<<20, 0)
		w.add(&w.Bulk, "under way")
		if n := w.Prompt.Handed(); n != 0 {
			t.Errorf("%d prompt bytes were handed over", n)
		}
		b, err := w.Prompt.Begin(1)
		if err != nil {
			t.Fatal(err)
		}
		if n := w.Prompt.Position(); n != 0 {
			t.Errorf("the first prompt frame is at %d", n)
		}
		w.Commit(append(b, "p"...))
		w.wantWrite("under way")
		if n := w.Prompt.Handed(); n != 1 {
			t.Errorf("%d prompt bytes were handed over, want 1", n)
		}
		w.wantWrite("p")
		w.Close()
		w.wantEnd(nil)
	})
}

// Frames in a buffer are written as they are, in their turn, and the buffer stays the caller's
// if there is no room.
func TestABufferIsAdded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 10, 0)
		w.add(&w.Bulk, "under way")
		b := outbox.NewBuffer()
		copy(b.Bytes()[5:], "frame in a buffer")
		if err := w.Bulk.Add(b, 5, 22); err != nil {
			t.Fatal(err)
		}
		if n := w.Queued(); n != 26 {
			t.Errorf("%d bytes are queued, want 26", n)
		}
		other := outbox.NewBuffer()
		if err := w.Bulk.Add(other, 0, 1); err != outbox.ErrFull {
			t.Errorf("Add to what is full: %v", err)
		}
		other.Free()
		w.add(&w.Bulk, " and more")
		w.add(&w.Prompt, "prompt")
		w.wantWrite("under way")
		w.wantWrite("prompt")
		w.wantWrite("frame in a buffer and more")
		again := outbox.NewBuffer()
		copy(again.Bytes(), "idle")
		if err := w.Bulk.Add(again, 0, 4); err != nil {
			t.Fatal(err)
		}
		w.wantWrite("idle")
		w.Close()
		w.wantEnd(nil)
		if err := w.Bulk.Add(other, 0, 1); err != outbox.ErrClosed {
			t.Errorf("Add to what is closed: %v", err)
		}
	})
}
