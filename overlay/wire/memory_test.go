package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
)

// A length that a peer claims allocates nothing; the bytes that it sends do, for a
// frame that is known and for one that is not.
func TestHugeClaimAllocatesNothing(t *testing.T) {
	for _, typ := range []string{"\xee", "\x7f"} {
		for _, claim := range []uint64{1 << 30, 1 << 50, math.MaxInt64 - 20} {
			for _, arrive := range []int{0, minBuffer, 3 * fullBuffer} {
				sent := string(appendVarint(nil, claim)) + typ + strings.Repeat("x", arrive)
				checkMemory(t, sent)
			}
		}
	}
}

// checkMemory reads an unfinished frame and holds all that was allocated on the way
// against the bytes that were sent.
func checkMemory(t *testing.T, sent string) {
	t.Helper()
	var before, after runtime.MemStats
	r := NewReader(strings.NewReader(sent), Limits{Frame: math.MaxInt})
	runtime.ReadMemStats(&before)
	m, err := r.Read()
	runtime.ReadMemStats(&after)
	if m != nil || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("%d bytes: %+v, %v; want %v", len(sent), m, err, io.ErrUnexpectedEOF)
	}
	total := int(after.TotalAlloc - before.TotalAlloc)
	if limit := 2*max(minBuffer, 2*len(sent)) + 64<<10; total > limit {
		t.Errorf("allocated %d bytes for %d that arrived, want at most %d", total, len(sent), limit)
	}
}

// Nor does a count: what a frame's lists take is a small multiple of its bytes,
// also when frame follows frame and each makes another list long.
func TestListsAreBoundedByTheirFrames(t *testing.T) {
	var stream []byte
	const answers = 60
	for long := range answers {
		m := &Update{Answers: make([]Answer, answers)}
		m.Answers[long].Added = make([]Registrant, 1500)
		stream = m.Append(stream)
	}
	r := NewReader(strings.NewReader(string(stream)), Limits{})
	for range answers {
		if _, err := r.Read(); err != nil {
			t.Fatal(err)
		}
	}
	var held int
	for _, a := range r.update.Answers {
		held += cap(a.Added)
	}
	if held > 1600 {
		t.Errorf("the reader holds %d registrants, a frame had 1500", held)
	}
}

// A frame of the greatest length fits into a buffer that is not replaced.
func TestBufferStays(t *testing.T) {
	m := &Update{Registered: make([]Name, (DirectoryLimit-20)/sizeName)}
	frame := m.Append(nil)
	src := &repeat{frame: append(frame, (&Ack{}).Append(nil)...)}
	r := NewReader(src, Limits{})
	for range 10 {
		mustRead(t, r)
	}
	if n := testing.AllocsPerRun(50, func() { mustRead(t, r) }); n != 0 {
		t.Errorf("%v allocations a frame, want none", n)
	}
	if len(r.buf) > fullBuffer {
		t.Errorf("buffer of %d bytes, want at most %d", len(r.buf), fullBuffer)
	}
}

// Readers share what large frames take, and who is late gets none until it is given back.
func TestReadersShareABudget(t *testing.T) {
	const size = 1 << 20
	frame := string((&Event{Topic: []byte{}, Event: make([]byte, size)}).Append(nil))
	budget := NewBudget(3 * size)
	reader := func(sent string) *Reader { return NewReader(strings.NewReader(sent), Limits{Budget: budget}) }

	greedy := make([]*Reader, 2)
	for i := range greedy {
		greedy[i] = reader(frame[:size]) // all but the end
		if _, err := greedy[i].Read(); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
	}
	late := reader(frame)
	if _, err := late.Read(); !errors.Is(err, ErrBudget) {
		t.Errorf("a reader that is late: %v, want %v", err, ErrBudget)
	}
	late.Close()
	mustRead(t, reader(string((&Ack{}).Append(nil)))) // a small one needs none
	for _, r := range greedy {
		r.Close()
		r.Close()
	}
	for range 10 {
		r := reader(frame + string((&Ack{}).Append(nil)))
		mustRead(t, r)
		mustRead(t, r)
		r.Close()
	}
	if left := budget.left.Load(); left != 3*size {
		t.Errorf("%d bytes are left, want %d", left, 3*size)
	}
}

func TestEncodeAllocatesNothing(t *testing.T) {
	for _, row := range rows() {
		room := make([]byte, 0, row.msg.Size())
		if n := testing.AllocsPerRun(50, func() { row.msg.Append(room) }); n != 0 {
			t.Errorf("%s: %v allocations, want none", row.name, n)
		}
	}
}

func mustRead(t *testing.T, r *Reader) {
	t.Helper()
	if _, err := r.Read(); err != nil {
		t.Fatal(err)
	}
}

// repeat is a source that sends a frame over and over without a gap.
type repeat struct {
	frame []byte
	off   int
}

func (s *repeat) Read(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		m := copy(b[n:], s.frame[s.off:])
		n += m
		s.off = (s.off + m) % len(s.frame)
	}
	return n, nil
}

// What there is no memory for is passed over, and what follows is read.
func TestMessagesWithoutMemoryArePassedOver(t *testing.T) {
	large := make([]byte, 1<<20)
	var b []byte
	for _, m := range []Message{
		&Event{Topic: []byte("t"), Event: large}, &Broadcast{Cluster: []byte("c"), Message: large},
		&Forward{Name: []byte("t"), Message: large}, &Forwarded{Name: []byte("t"), Message: large},
		&Request{ID: 1000, Cluster: []byte("c"), Body: large}, &Reply{ID: 2000, Body: large}, &Refusal{ID: 3000, Body: large},
		&Event{Topic: []byte("t"), Event: []byte("small")},
	} {
		b = m.Append(b)
	}
	budget, dropped := NewBudget(512<<10), ""
	r := NewReader(bytes.NewReader(b), Limits{Budget: budget, Dropped: func(t Type, id uint64) { dropped += fmt.Sprintf("%d:%d ", t, id) }})
	m, err := r.Read()
	want := fmt.Sprintf("%d:0 %d:0 %d:0 %d:0 %d:1000 %d:2000 %d:3000 ", TypeEvent, TypeBroadcast, TypeForward, TypeForwarded, TypeRequest, TypeReply, TypeRefusal)
	if e, ok := m.(*Event); !ok || string(e.Event) != "small" || dropped != want {
		t.Errorf("%v, %v after %s were passed over, want %s", m, err, dropped, want)
	}
	r.Close()
	if left := budget.left.Load(); left != 512<<10 {
		t.Errorf("%d bytes are left", left)
	}
}
