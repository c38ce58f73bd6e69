package outbox_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport/outbox"
)

// More than one write's worth: a frame of this size shares its write with none.
var block = strings.Repeat("b", 100<<10)

// full starts an outbox with room for four blocks and fills it.
func full(t *testing.T) *writer {
	w := start(t, 4*len(block), 0)
	for range 4 {
		w.put(block)
	}
	return w
}

// drain takes what is left and ends the writer.
func (w *writer) drain(blocks int) {
	w.t.Helper()
	for range blocks {
		w.wantWrite(block)
	}
	w.Close()
	w.wantEnd(nil)
}

// async runs f and returns where its error will be.
func async(f func() error) <-chan error {
	result := make(chan error, 1)
	go func() { result <- f() }()
	synctest.Wait()
	return result
}

func wantWaiting(t *testing.T, result <-chan error) {
	t.Helper()
	select {
	case err := <-result:
		t.Fatalf("waits no longer: %v", err)
	default:
	}
}

func wantResult(t *testing.T, result <-chan error, want error) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-result:
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	default:
		t.Fatalf("still waits, want %v", want)
	}
}

func TestWaitRoomWakesAtHalf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := full(t)
		one := async(func() error { return w.Prompt.WaitRoom(t.Context()) })
		other := async(func() error { return w.Prompt.WaitRoom(t.Context()) })
		w.wantWrite(block) // three of four are left
		wantWaiting(t, one)
		w.wantWrite(block) // half
		wantResult(t, one, nil)
		wantResult(t, other, nil)
		w.drain(2)
	})
}

func TestWaitRoomReturnsAtOnceWithRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 10, 0)
		wantResult(t, async(func() error { return w.Prompt.WaitRoom(t.Context()) }), nil)
		w.put("nine byte")
		wantResult(t, async(func() error { return w.Prompt.WaitRoom(t.Context()) }), nil)
		w.wantWrite("nine byte")
		w.Close()
		w.wantEnd(nil)
	})
}

func TestWaitBelow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := full(t)
		three := async(func() error { return w.Prompt.WaitBelow(t.Context(), 3*len(block)+1) })
		notThree := async(func() error { return w.Prompt.WaitBelow(t.Context(), 3*len(block)) })
		none := async(func() error { return w.Prompt.WaitBelow(t.Context(), 1) })
		w.wantWrite(block)
		wantResult(t, three, nil)
		wantWaiting(t, notThree)
		w.wantWrite(block)
		wantResult(t, notThree, nil)
		w.wantWrite(block)
		wantWaiting(t, none)
		w.wantWrite(block)
		wantResult(t, none, nil)
		w.drain(0)
	})
}

func TestBeginWaitTakesTheFrameAtHalf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := full(t)
		added := async(func() error {
			b, err := w.Prompt.BeginWait(t.Context(), 4)
			if err == nil {
				w.Commit(append(b, "late"...))
			}
			return err
		})
		w.wantWrite(block)
		wantWaiting(t, added)
		w.wantWrite(block)
		wantResult(t, added, nil)
		w.wantWrite(block)
		w.wantWrite(block)
		w.wantWrite("late")
		w.drain(0)
	})
}

// Room for one frame and two callers that wait for it: the second waits again.
func TestBeginWaitWaitsAgainWhenAnotherWasFaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, len(block), 0)
		w.put(block)
		add := func() error {
			b, err := w.Prompt.BeginWait(t.Context(), len(block))
			if err == nil {
				w.Commit(append(b, block...))
			}
			return err
		}
		results := make(chan error, 2)
		go func() { results <- add() }()
		go func() { results <- add() }()
		synctest.Wait()
		w.wantWrite(block)
		wantResult(t, results, nil)
		wantWaiting(t, results)
		w.wantWrite(block)
		wantResult(t, results, nil)
		w.drain(1)
	})
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := full(t)
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := w.Prompt.WaitRoom(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("WaitRoom: %v, want %v", err, context.DeadlineExceeded)
		}
		if waited := time.Since(begin); waited != 3*time.Second {
			t.Errorf("waited %v, want 3s", waited)
		}
		if _, err := w.Prompt.BeginWait(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("BeginWait: %v, want %v", err, context.DeadlineExceeded)
		}
		ctx, cancel = context.WithCancel(t.Context())
		waiting := async(func() error { return w.Prompt.WaitBelow(ctx, 1) })
		cancel()
		wantResult(t, waiting, context.Canceled)
		w.wantQueued(4 * len(block)) // nothing was taken back or added
		w.drain(4)
	})
}

func TestWaitingEndsWithTheOutbox(t *testing.T) {
	errBoom := errors.New("boom")
	for name, row := range map[string]struct {
		end  func(*writer)
		want error
	}{
		"closed":  {func(w *writer) { w.Close() }, outbox.ErrClosed},
		"aborted": {func(w *writer) { w.Abort(errBoom) }, errBoom},
		"last frame": {func(w *writer) {
			b, err := w.Prompt.BeginOver(0)
			if err != nil {
				w.t.Fatal(err)
			}
			w.CommitLast(b)
		}, outbox.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := full(t)
				room := async(func() error { return w.Prompt.WaitRoom(t.Context()) })
				below := async(func() error { return w.Prompt.WaitBelow(t.Context(), 1) })
				frame := async(func() error { _, err := w.Prompt.BeginWait(t.Context(), 1); return err })
				row.end(w)
				for _, result := range []<-chan error{room, below, frame} {
					wantResult(t, result, row.want)
				}
				w.far.Close() // ends the write under way
				synctest.Wait()
			})
		})
	}
}

// Who was refused is told when there is room, once, and may use it at once.
func TestOnRoomFollowsARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 4*len(block), 0)
		told := 0
		w.OnRoom(func() {
			told++
			if b, err := w.Prompt.Begin(len(block)); err == nil && told == 1 {
				w.Commit(append(b, block...))
			}
		})
		want := func(n int) {
			t.Helper()
			if told != n {
				t.Errorf("told %d times of room, want %d", told, n)
			}
		}
		for range 4 {
			w.put(block)
		}
		for range 2 { // two that are refused before there is room
			if _, err := w.Prompt.Begin(1); !errors.Is(err, outbox.ErrFull) {
				t.Fatal(err)
			}
		}
		want(0)
		w.wantWrite(block)
		want(1)
		w.wantQueued(4 * len(block))
		w.wantWrite(block)
		want(1) // nobody was refused since
		w.drain(3)
	})
}
