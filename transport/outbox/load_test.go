package outbox_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/project-iris/iris/transport/outbox"
)

const (
	producers = 8
	perSender = 400
)

// frame is one of a producer's: its length, who, which, and bytes that say so.
func frame(b []byte, producer, n int) []byte {
	size := 8 + (n*n*31+producer)%5000
	b = binary.BigEndian.AppendUint32(b, uint32(size))
	b = binary.BigEndian.AppendUint32(b, uint32(producer<<16|n))
	for range size - 8 {
		b = append(b, byte(producer+n))
	}
	return b
}

// Many producers on several outboxes, which share the memory of their segments:
// nothing is lost, mixed up or out of a producer's order, and room is kept.
func TestManyProducers(t *testing.T) {
	var tests sync.WaitGroup
	for range 3 {
		tests.Go(func() { manyProducers(t) })
	}
	tests.Wait()
}

func manyProducers(t *testing.T) {
	const limit = 100_000
	near, far := net.Pipe()
	defer far.Close()
	o := outbox.New(near, limit, time.Minute)
	ended := make(chan error, 1)
	go func() {
		ended <- o.Run()
		near.Close()
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var wait sync.WaitGroup
	for p := range producers {
		wait.Go(func() { produce(ctx, t, o, p, limit) })
	}
	go func() {
		wait.Wait()
		o.Close()
	}()
	checkFrames(t, far)
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	if n := o.Queued(); n != 0 {
		t.Errorf("%d bytes are queued after the end", n)
	}
}

func produce(ctx context.Context, t *testing.T, o *outbox.Outbox, producer, limit int) {
	for n := range perSender {
		b, err := o.Prompt.BeginWait(ctx, 5008)
		if err != nil {
			t.Errorf("producer %d: %v", producer, err)
			return
		}
		o.Commit(frame(b, producer, n))
		if queued := o.Queued(); queued >= limit+5008 {
			t.Errorf("%d bytes are queued, want less than the limit and a frame", queued)
		}
	}
}

// checkFrames reads all frames of all producers until the end.
func checkFrames(t *testing.T, r io.Reader) {
	var next [producers]int
	for {
		var head [8]byte
		if _, err := io.ReadFull(r, head[:]); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Error(err)
			return
		}
		producer, n := int(binary.BigEndian.Uint16(head[4:])), int(binary.BigEndian.Uint16(head[6:]))
		if producer >= producers || n != next[producer] {
			t.Errorf("frame %d of producer %d is not the next", n, producer)
			return
		}
		next[producer]++
		want := frame(nil, producer, n)
		got := make([]byte, len(want))
		copy(got, head[:])
		if _, err := io.ReadFull(r, got[8:]); err != nil || string(got) != string(want) {
			t.Errorf("frame %d of producer %d is damaged: %v", n, producer, err)
			return
		}
	}
	for producer, n := range next {
		if n != perSender {
			t.Errorf("%d frames of producer %d, want %d", n, producer, perSender)
		}
	}
}

// sink is a connection that takes all and tells how much.
type sink struct{ taken chan int }

func (s sink) Write(b []byte) (int, error) {
	s.taken <- len(b)
	return len(b), nil
}

func (sink) SetWriteDeadline(time.Time) error { return nil }

// Adding and writing allocate nothing, also for frames with a chunk of 64 KiB,
// which are most of what a busy tunnel sends.
func TestNoAllocationPerFrame(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool drops a part of what it is given")
	}
	for _, size := range []int{10, 100, 5000, 64<<10 + 24} {
		conn := sink{make(chan int)}
		o := outbox.New(conn, 1<<30, time.Minute)
		go o.Run()
		payload := make([]byte, size)
		const frames = 20
		allocs := testing.AllocsPerRun(100, func() {
			for range frames {
				b, err := o.Prompt.Begin(size)
				if err != nil {
					t.Fatal(err)
				}
				o.Commit(append(b, payload...))
			}
			for left := frames * size; left > 0; {
				left -= <-conn.taken
			}
		})
		// Collections empty the pools once in a while.
		if allocs > 1 {
			t.Errorf("%v allocations for %d frames of %d bytes, want next to none", allocs, frames, size)
		}
		o.Close()
		<-o.Done()
	}
}

// BenchmarkOutbox is one producer whose peer takes everything at once.
func BenchmarkOutbox(b *testing.B) {
	for _, row := range []struct {
		name string
		size int
	}{{"16 B", 16}, {"1 KiB", 1 << 10}, {"a chunk", 64<<10 + 8}} {
		b.Run(row.name, func(b *testing.B) {
			o := outbox.New(discard{}, 1<<20, time.Minute)
			go o.Run()
			payload := make([]byte, row.size)
			b.ReportAllocs()
			b.SetBytes(int64(row.size))
			for b.Loop() {
				add(b, o, payload)
			}
			o.Close()
			<-o.Done()
		})
	}
}

// BenchmarkOutboxParallel is many producers on one outbox.
func BenchmarkOutboxParallel(b *testing.B) {
	o := outbox.New(discard{}, 1<<20, time.Minute)
	go o.Run()
	payload := make([]byte, 100)
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			add(b, o, payload)
		}
	})
	o.Close()
	<-o.Done()
}

func add(b *testing.B, o *outbox.Outbox, payload []byte) {
	room, err := o.Prompt.BeginWait(context.Background(), len(payload))
	if err != nil {
		b.Error(err)
		return
	}
	o.Commit(append(room, payload...))
}

// discard is a connection that takes all.
type discard struct{}

func (discard) Write(b []byte) (int, error)      { return len(b), nil }
func (discard) SetWriteDeadline(time.Time) error { return nil }
