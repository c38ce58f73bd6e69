package outbox_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/project-iris/iris/transport/budget"
	"github.com/project-iris/iris/transport/outbox"
)

// plainFrame is a frame of the bytes that it is made of, which counts how often it is encoded.
type plainFrame struct {
	bytes   []byte
	encoded int
}

func (f *plainFrame) Size() int { return len(f.bytes) }

func (f *plainFrame) Append(b []byte) []byte {
	f.encoded++
	return append(b, f.bytes...)
}

// receiver is an outbox that takes of a memory, and whoever reads what it writes.
type receiver struct {
	*writer
	memory *budget.Holder
}

func newReceiver(t *testing.T, memory *budget.Budget, limit int) *receiver {
	r := &receiver{start(t, limit, 0), memory.Holder()}
	r.Charge(r.memory)
	return r
}

// take reads the frame, and what comes behind it.
func (r *receiver) take(want ...string) {
	r.t.Helper()
	for _, want := range want {
		got := make([]byte, len(want))
		if _, err := io.ReadFull(r.far, got); err != nil || string(got) != want {
			r.t.Fatalf("got %.20q, %v; want %.20q", got, err, want)
		}
	}
	synctest.Wait()
}

// One frame for many is encoded once and counts once, for one after the other who has not
// written it, until the last one has, or has ended.
func TestASharedFrameCountsOnce(t *testing.T) {
	for _, size := range []int{outbox.ShareFrom, 72 << 10, 1 << 20} {
		synctest.Test(t, func(t *testing.T) {
			memory := budget.New(budget.Config{Name: "bytes", Limit: 8 << 20, Reserve: 1})
			f := &plainFrame{bytes: bytes.Repeat([]byte("s"), size)}
			charge := int64(max(size, 72<<10))
			var all [4]*receiver
			shared := new(outbox.Shared)
			for i := range all {
				all[i] = newReceiver(t, memory, 8<<20)
				if err := all[i].Bulk.AddShared(shared, f); err != nil {
					t.Fatal(err)
				}
			}
			shared.Close()
			synctest.Wait()
			pays := func(want int) {
				t.Helper()
				for i, r := range all {
					held := int64(0)
					if i == want {
						held = charge
					}
					if r.memory.Held() != held {
						t.Errorf("%d bytes: receiver %d pays %d, want %d", size, i, r.memory.Held(), held)
					}
				}
			}
			pays(0)
			all[2].take(string(f.bytes))
			pays(0)
			all[0].take(string(f.bytes))
			pays(1)
			all[1].Abort(errEnd) // while it writes
			all[1].near.Close()
			all[1].wantEnd(io.ErrClosedPipe)
			pays(3)
			if f.encoded != 1 {
				t.Errorf("it was encoded %d times", f.encoded)
			}
			all[3].take(string(f.bytes))
			pays(-1)
			if used := memory.Stats().Used; used != 0 {
				t.Errorf("%d bytes are taken at the end", used)
			}
			for _, i := range []int{0, 2, 3} {
				all[i].Close()
				all[i].wantEnd(nil)
			}
		})
	}
}

var errEnd = errors.New("it ends")

// What is added behind a shared frame is not written into it, and one that is queued twice is
// written twice.
func TestWhatIsBehindASharedFrameIsApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := budget.New(budget.Config{Name: "bytes", Limit: 8 << 20, Reserve: 1})
		f := &plainFrame{bytes: bytes.Repeat([]byte("s"), outbox.ShareFrom)}
		shared := new(outbox.Shared)
		a, b := newReceiver(t, memory, 1<<20), newReceiver(t, memory, 1<<20)
		for r, after := range map[*receiver]string{a: "after a", b: "after b"} {
			for range 2 {
				if err := r.Bulk.AddShared(shared, f); err != nil {
					t.Fatal(err)
				}
			}
			next, err := r.Bulk.Begin(len(after))
			if err != nil {
				t.Fatal(err)
			}
			r.Commit(append(next, after...))
		}
		shared.Close()
		for r, after := range map[*receiver]string{a: "after a", b: "after b"} {
			r.take(string(f.bytes), string(f.bytes), after)
			r.Close()
			r.wantEnd(nil)
		}
		if used := memory.Stats().Used; used != 0 {
			t.Errorf("%d bytes are taken at the end", used)
		}
	})
}

// A queue that is full, has ended, or for which there is no memory, does not hold the frame, and
// others can have it all the same.
func TestASharedFrameIsRefusedAsOthersAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := budget.New(budget.Config{Name: "bytes", Limit: 1 << 20, Reserve: 1 << 10})
		f := &plainFrame{bytes: make([]byte, 600<<10)}
		full, ended, poor, rich := newReceiver(t, memory, 4), newReceiver(t, memory, 1<<20), newReceiver(t, memory, 1<<20), newReceiver(t, memory, 1<<20)
		full.put("full")
		ended.Close()
		ended.wantEnd(nil)
		shared := new(outbox.Shared)
		for _, refused := range []struct {
			*receiver
			want error
		}{{full, outbox.ErrFull}, {ended, outbox.ErrClosed}, {poor, budget.ErrRefused}} {
			if err := refused.Bulk.AddShared(shared, f); !errors.Is(err, refused.want) {
				t.Errorf("got %v, want %v", err, refused.want)
			}
		}
		if f.encoded != 0 || memory.Stats().Used != 0 {
			t.Errorf("it was encoded %d times, %d bytes are taken", f.encoded, memory.Stats().Used)
		}
		f.bytes = f.bytes[:400<<10]
		if err := rich.Bulk.AddShared(shared, f); err != nil {
			t.Error(err)
		}
		rich.take(string(f.bytes))
		if used := memory.Stats().Used; used != 400<<10 {
			t.Errorf("%d bytes are taken while others may be given it", used)
		}
		if err := poor.Bulk.AddShared(shared, f); err != nil {
			t.Error(err)
		}
		if rich.memory.Held() != 0 || poor.memory.Held() != 400<<10 {
			t.Errorf("who has it pays %d, who had it %d", poor.memory.Held(), rich.memory.Held())
		}
		shared.Close()
		poor.take(string(f.bytes))
		if used := memory.Stats().Used; used != 0 {
			t.Errorf("%d bytes are taken at the end", used)
		}
		full.take("full")
		for _, r := range []*receiver{full, poor, rich} {
			r.Close()
			r.wantEnd(nil)
		}
	})
}

// Frames of several senders for receivers that come, read and end in any order: each gets what it
// was given, whole and in order, and nothing is taken at the end.
func TestSharedFramesInAnyOrder(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			memory := budget.New(budget.Config{Name: "bytes", Limit: 64 << 20, Reserve: 1, Greed: 7})
			var readers [6]*receiver
			var want, got [6]bytes.Buffer
			for i := range readers {
				readers[i] = newReceiver(t, memory, 64<<20)
				go func() { _, _ = io.Copy(&got[i], readers[i].far) }()
			}
			for n := range 30 {
				size := outbox.ShareFrom + random.IntN(100<<10)
				f := &plainFrame{bytes: bytes.Repeat([]byte{byte(n)}, size)}
				shared := new(outbox.Shared)
				for i, r := range readers {
					if random.IntN(3) == 0 {
						continue
					}
					if err := r.Bulk.AddShared(shared, f); err == nil {
						want[i].Write(f.bytes)
					}
				}
				shared.Close()
				if random.IntN(20) == 0 {
					i := random.IntN(len(readers))
					readers[i].Abort(errEnd)
					readers[i].near.Close()
				}
			}
			synctest.Wait()
			for i, r := range readers {
				aborted := r.Err() != nil
				r.Close()
				if synctest.Wait(); !aborted && !bytes.Equal(want[i].Bytes(), got[i].Bytes()) || !bytes.HasPrefix(want[i].Bytes(), got[i].Bytes()) {
					t.Errorf("seed %d: receiver %d got %d bytes, others than it was given", seed, i, got[i].Len())
				}
				r.near.Close()
			}
			synctest.Wait()
			if used := memory.Stats().Used; used != 0 {
				t.Errorf("seed %d: %d bytes are taken at the end", seed, used)
			}
		})
	}
}
