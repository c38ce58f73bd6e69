package outbox_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport/budget"
	"github.com/project-iris/iris/transport/outbox"
)

// writer is an outbox with its goroutine, on one end of a pipe. The pipe holds
// nothing: a write blocks until the far end reads it, and a read that is large
// enough returns exactly one write.
//
// All tests that use it run in a synctest bubble, which fails if a goroutine is
// left when the test ends.
type writer struct {
	*outbox.Outbox
	t     *testing.T
	near  net.Conn
	far   net.Conn
	ended chan error // what Run returned
}

func start(t *testing.T, limit int, stall time.Duration) *writer {
	near, far := net.Pipe()
	w := &writer{Outbox: outbox.New(near, limit, stall), t: t, near: near, far: far, ended: make(chan error, 1)}
	go func() { w.ended <- w.Run() }()
	return w
}

// put adds a frame that has to be taken, and lets the writer go as far as it can.
func (w *writer) put(frame string) {
	w.t.Helper()
	b, err := w.Prompt.Begin(len(frame))
	if err != nil {
		w.t.Fatalf("frame of %d bytes refused: %v", len(frame), err)
	}
	w.Commit(append(b, frame...))
	synctest.Wait()
}

// wantWrite reads one write at the far end.
func (w *writer) wantWrite(want string) {
	w.t.Helper()
	b := make([]byte, len(want)+1<<20)
	n, err := w.far.Read(b)
	if err != nil || string(b[:n]) != want {
		w.t.Fatalf("write of %d bytes %.20q, %v; want %d bytes %.20q", n, b[:n], err, len(want), want)
	}
	synctest.Wait()
}

// wantEnd checks that the writer has ended, with this error, and holds nothing.
func (w *writer) wantEnd(want error) {
	w.t.Helper()
	synctest.Wait()
	select {
	case err := <-w.ended:
		if !errors.Is(err, want) {
			w.t.Errorf("Run ended with %v, want %v", err, want)
		}
	default:
		w.t.Fatalf("Run goes on, want it to end with %v", want)
	}
	select {
	case <-w.Done():
	default:
		w.t.Error("Run has ended and Done is open")
	}
	if n := w.Queued(); n != 0 {
		w.t.Errorf("%d bytes are queued after the end", n)
	}
}

// wantRefused checks that no way of adding a frame or of waiting to is open.
func (w *writer) wantRefused(want error) {
	w.t.Helper()
	for name, begin := range map[string]func(int) ([]byte, error){
		"Begin":     w.Prompt.Begin,
		"BeginOver": w.Prompt.BeginOver,
		"BeginWait": func(size int) ([]byte, error) { return w.Prompt.BeginWait(w.t.Context(), size) },
	} {
		b, err := begin(1)
		if err == nil {
			w.Commit(b)
		}
		if !errors.Is(err, want) {
			w.t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
	if err := w.Prompt.WaitRoom(w.t.Context()); !errors.Is(err, want) {
		w.t.Errorf("WaitRoom: %v, want %v", err, want)
	}
}

func (w *writer) wantQueued(want int) {
	w.t.Helper()
	if got := w.Queued(); got != want {
		w.t.Errorf("%d bytes are queued, want %d", got, want)
	}
}

func TestFramesThatArriveDuringAWriteLeaveInOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 1<<20, 0)
		w.put("one")
		w.put("two ")
		w.put("three ")
		w.put("four")
		w.wantQueued(len("onetwo three four"))
		w.wantWrite("one")
		w.wantQueued(len("two three four"))
		w.wantWrite("two three four")
		w.wantQueued(0)
		w.Close()
		w.wantEnd(nil)
	})
}

// Many bytes leave in few writes: a small one, then as large as a write is worth.
func TestWritesAreLargeUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 1<<20, 0)
		w.put("first")
		frame := string(bytes.Repeat([]byte("x"), 100))
		for range 640 {
			w.put(frame)
		}
		w.wantWrite("first")
		writes, b := 0, make([]byte, 1<<20)
		for w.Queued() > 0 {
			if _, err := w.far.Read(b); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			writes++
		}
		if writes > 2 {
			t.Errorf("640 frames of 100 bytes took %d writes, want at most 2", writes)
		}
		w.Close()
		w.wantEnd(nil)
	})
}

// Frames of all sizes around those of the segments leave in order and whole.
func TestOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 1<<30, 0)
		var want []byte
		for i, size := range []int{1, 4095, 4096, 4097, 2, 65535, 3, 65536, 65544, 4, 80_000, 1 << 20, 5, 6} {
			frame := bytes.Repeat([]byte{byte('a' + i)}, size)
			want = append(want, frame...)
			w.put(string(frame))
		}
		w.wantQueued(len(want))
		w.Close()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(w.far, got); err != nil || !bytes.Equal(got, want) {
			t.Errorf("what left is not what was added, in order: %v", err)
		}
		w.wantEnd(nil)
	})
}

// A caller that announced too little loses time and no bytes.
func TestFrameLongerThanAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 1<<20, 0)
		w.put("blocked")
		w.put("before ")
		long := string(bytes.Repeat([]byte("l"), 100_000))
		b, err := w.Prompt.Begin(1)
		if err != nil {
			t.Fatal(err)
		}
		w.Commit(append(b, long...))
		w.put(" after")
		w.wantQueued(len("blocked") + len("before ") + len(long) + len(" after"))
		w.wantWrite("blocked")
		got := make([]byte, len("before ")+len(long)+len(" after"))
		if _, err := io.ReadFull(w.far, got); err != nil || string(got) != "before "+long+" after" {
			t.Errorf("bytes are lost: %v", err)
		}
		w.Close()
		w.wantEnd(nil)
	})
}

func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 10, 0)
		w.put("nine byte")
		if w.Prompt.Full() {
			t.Error("full a byte below the limit")
		}
		w.put("the last may exceed it")
		if !w.Prompt.Full() {
			t.Error("not full above the limit")
		}
		if _, err := w.Prompt.Begin(1); !errors.Is(err, outbox.ErrFull) {
			t.Errorf("Begin: %v, want %v", err, outbox.ErrFull)
		}
		b, err := w.Prompt.BeginOver(4)
		if err != nil {
			t.Fatalf("BeginOver: %v, want it to ignore the limit", err)
		}
		w.Commit(append(b, "over"...))
		w.wantWrite("nine byte")
		if !w.Prompt.Full() {
			t.Error("not full above the limit")
		}
		w.wantWrite("the last may exceed itover")
		if w.Prompt.Full() {
			t.Error("full with nothing queued")
		}
		w.put("exactly 10")
		if !w.Prompt.Full() {
			t.Error("not full at the limit")
		}
		w.wantWrite("exactly 10")
		w.Close()
		w.wantEnd(nil)
	})
}

// What is queued takes memory but for a small first segment, is refused where there is none,
// unless it is small and must not be, and gives all back.
func TestQueuedFramesTakeMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := budget.New(budget.Config{Name: "bytes", Limit: 200 << 10, Reserve: 1})
		near, far := net.Pipe()
		o := outbox.New(near, 1<<20, 0)
		o.Charge(memory.Holder())
		put := func(begin func(int) ([]byte, error), size int) error {
			b, err := begin(size)
			if err == nil {
				o.Commit(append(b, make([]byte, size)...))
			}
			return err
		}
		if err := put(o.Bulk.Begin, 4<<10); err != nil || memory.Stats().Used != 0 {
			t.Errorf("the first segment: %v, %d bytes taken", err, memory.Stats().Used)
		}
		if err := put(o.Bulk.Begin, 4<<10); err != nil || memory.Stats().Used != 72<<10 {
			t.Errorf("the second segment: %v, %d bytes taken", err, memory.Stats().Used)
		}
		if err := put(o.Bulk.Begin, 150<<10); !errors.Is(err, budget.ErrRefused) {
			t.Errorf("too much: %v", err)
		}
		if err := put(o.Bulk.BeginOver, 150<<10); !errors.Is(err, budget.ErrRefused) {
			t.Errorf("too much that must not be dropped: %v", err)
		}
		if err := put(o.Bulk.BeginOver, 4<<10); err != nil {
			t.Errorf("little that must not be dropped: %v", err)
		}
		ended := make(chan error, 1)
		go func() { ended <- o.Run() }()
		o.Close()
		if _, err := io.Copy(io.Discard, io.LimitReader(far, 12<<10)); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err != nil || memory.Stats().Used != 0 {
			t.Errorf("at the end: %v, %d bytes taken", err, memory.Stats().Used)
		}
	})
}
