package outbox_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/project-iris/iris/transport/outbox"
)

var errBoom = errors.New("boom")

func TestCloseWritesWhatIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 1<<20, 0)
		w.put("under way")
		w.put("queued")
		w.Close()
		w.wantRefused(outbox.ErrClosed)
		w.wantWrite("under way")
		select {
		case <-w.Done():
			t.Fatal("done with a frame queued")
		default:
		}
		w.wantWrite("queued")
		w.wantEnd(nil)
		w.wantRefused(outbox.ErrClosed)
		w.Close()
		w.Abort(errBoom)
		w.wantRefused(outbox.ErrClosed)
	})
}

func TestCommitLastIsTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 1, 0)
		w.put("under way")
		b, err := w.Prompt.BeginOver(4)
		if err != nil {
			t.Fatal(err)
		}
		w.CommitLast(append(b, "last"...))
		w.wantRefused(outbox.ErrClosed)
		w.wantWrite("under way")
		w.wantWrite("last")
		w.wantEnd(nil)
	})
}

func TestAbortDropsWhatIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 1<<20, 0)
		w.put("under way")
		w.put("queued")
		w.Abort(errBoom)
		w.wantRefused(errBoom)
		w.wantQueued(len("under way"))
		w.wantWrite("under way")
		w.wantEnd(errBoom)
	})
}

func TestAbortOfAnIdleOutbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 1<<20, 0)
		synctest.Wait()
		w.Abort(errBoom)
		w.wantEnd(errBoom)
	})
}

// What was added from Handed on was not written when the outbox ends, and is counted.
func TestHandedIsWhatMayHaveBeenWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 1<<20, 0)
		var positions []uint64
		for _, frame := range []string{"written", "under way", "queued", "queued, too"} {
			b, err := w.Prompt.Begin(len(frame))
			if err != nil {
				t.Fatal(err)
			}
			positions = append(positions, w.Prompt.Position())
			w.Commit(append(b, frame...))
			synctest.Wait()
			if frame == "written" {
				w.wantWrite(frame)
			}
		}
		w.Abort(errBoom)
		for i, sent := range []bool{true, true, false, false} {
			if got := positions[i] < w.Prompt.Handed(); got != sent {
				t.Errorf("frame %d at %d, of %d that were handed over", i, positions[i], w.Prompt.Handed())
			}
		}
		if n := w.Dropped(); n != uint64(len("queued"+"queued, too")) {
			t.Errorf("%d bytes were dropped", n)
		}
		w.far.Close()
		w.wantEnd(io.ErrClosedPipe)
	})
}

// The bytes of the write under way belong to it until it ends: another outbox must
// not get their memory.
func TestAbortLeavesTheWriteItsBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 1<<20, 0)
		under := strings.Repeat("u", 1000)
		w.put(under)
		w.put("queued")
		w.Abort(errBoom)
		other := start(t, 1<<20, 0)
		for range 10 {
			other.put(strings.Repeat("o", 1000))
		}
		w.wantWrite(under)
		w.wantEnd(errBoom)
		other.Abort(errBoom)
		other.near.Close()
		other.wantEnd(io.ErrClosedPipe)
	})
}

// Frames that were dropped are no good end, whoever came first.
func TestAbortBesideCloseIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		aborted := start(t, 1<<20, 0)
		aborted.put("under way")
		aborted.put("dropped")
		aborted.Abort(errBoom)
		aborted.Close()
		aborted.wantRefused(errBoom)
		aborted.wantWrite("under way")
		aborted.wantEnd(errBoom)

		closed := start(t, 1<<20, 0)
		closed.put("under way")
		closed.put("dropped")
		closed.Close()
		closed.Abort(errBoom)
		closed.wantRefused(outbox.ErrClosed)
		closed.wantWrite("under way")
		closed.wantEnd(outbox.ErrClosed)
	})
}

func TestWriteErrorEndsTheOutbox(t *testing.T) {
	for name, close := range map[string]func(*writer){
		"before Close": func(*writer) {},
		"after Close":  func(w *writer) { w.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := full(t)
				waiting := async(func() error { return w.Prompt.WaitRoom(t.Context()) })
				close(w)
				w.far.Close()
				w.wantEnd(io.ErrClosedPipe)
				want := io.ErrClosedPipe
				if name == "after Close" {
					want = outbox.ErrClosed
				}
				wantResult(t, waiting, want)
				w.wantRefused(want)
			})
		})
	}
}
