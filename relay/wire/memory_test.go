package wire

import (
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"weak"
)

// Lengths that a peer may claim. The original node died of one of them.
var claims = []uint64{1 << 30, 1 << 31, 1 << 50, 1<<63 - 1, 1 << 63, math.MaxUint64}

// With the default limits a huge claim is a violation by itself.
func TestHugeClaimIsRefused(t *testing.T) {
	for _, field := range binaryFields {
		for _, claim := range claims {
			m, err := readAll(field.before+string(appendVarint(nil, claim)), field.from, Limits{})
			wantViolation(t, m, err, Op(field.before[0]), ErrTooLong)
		}
	}
}

// Where the limits allow a huge claim, memory still follows the bytes that arrive,
// however few come at a time.
func TestHugeClaimAllocatesNothing(t *testing.T) {
	unlimited := Limits{Name: math.MaxInt, Payload: math.MaxInt}
	for _, field := range binaryFields {
		for _, claim := range claims {
			if claim > math.MaxInt {
				m, err := readAll(field.before+string(appendVarint(nil, claim)), field.from, unlimited)
				wantViolation(t, m, err, Op(field.before[0]), ErrTooLong)
				continue
			}
			for _, arrive := range []int{0, minBuffer, 3 * fullBuffer} {
				sent := field.before + string(appendVarint(nil, claim)) + strings.Repeat("x", arrive)
				checkMemory(t, sent, field.from, unlimited)
			}
		}
	}
}

// checkMemory reads an unfinished frame and holds the reader's buffer, and all
// that was allocated on the way to it, against the bytes that were sent.
func checkMemory(t *testing.T, sent string, from Side, limits Limits) {
	t.Helper()
	var before, after runtime.MemStats
	r := NewReader(strings.NewReader(sent), from, limits)
	runtime.ReadMemStats(&before)
	m, err := r.Read()
	runtime.ReadMemStats(&after)
	if m != nil || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("%d bytes: %+v, %v; want %v", len(sent), m, err, io.ErrUnexpectedEOF)
	}
	if limit := bufferBound(len(sent)); cap(r.buf) > limit {
		t.Errorf("buffer of %d bytes for %d that arrived, want at most %d", cap(r.buf), len(sent), limit)
	}
	// A buffer that doubled all the way has cost twice its size; the rest is the
	// test's own.
	total := int(after.TotalAlloc - before.TotalAlloc)
	if limit := 2*bufferBound(len(sent)) + 64<<10; total > limit {
		t.Errorf("allocated %d bytes for %d that arrived, want at most %d", total, len(sent), limit)
	}
}

// bufferBound is the largest buffer that a reader may have after so many bytes.
func bufferBound(arrived int) int { return max(minBuffer, 2*arrived) }

// The buffer of an idle connection is small again after a long frame.
func TestLongFrameGivesItsMemoryBack(t *testing.T) {
	long := (&Delivery{Message: make([]byte, 1<<20)}).Append(nil)
	r := NewReader(io.MultiReader(strings.NewReader(string(long)), strings.NewReader("\x02\x00")), FromRelay, Limits{})
	for _, limit := range []int{bufferBound(len(long)), fullBuffer} {
		if _, err := r.Read(); err != nil {
			t.Fatal(err)
		}
		if cap(r.buf) > limit {
			t.Errorf("buffer of %d bytes, want at most %d", cap(r.buf), limit)
		}
	}
}

// Neither does a message that was read keep the memory: the reader uses it again
// and must not hold on to its slices.
func TestLongFrameIsNotHeldByItsMessage(t *testing.T) {
	long := (&Delivery{Message: make([]byte, 1<<20)}).Append(nil)
	r := NewReader(io.MultiReader(strings.NewReader(string(long)), strings.NewReader("\x02\x00")), FromRelay, Limits{})
	m, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	held := weak.Make(&m.(*Delivery).Message[0])
	if _, err := r.Read(); err != nil {
		t.Fatal(err)
	}
	runtime.GC()
	if held.Value() != nil {
		t.Error("the buffer of a long frame is still reachable after the next Read")
	}
	runtime.KeepAlive(r)
}

// A buffer grows over fullBuffer only for a frame that is longer, and is replaced
// for no other, wherever in it the frame begins.
func TestBufferStaysWithoutLongFrames(t *testing.T) {
	fits := (&TunTransfer{ID: 1, Chunk: make([]byte, fullBuffer-10)}).Append(nil)
	for _, before := range []int{0, 2, 100, fullBuffer / 4, fullBuffer/2 - 4, fullBuffer / 2} {
		stream := strings.Repeat("\x02\x00", before/2)
		r := NewReader(&repeat{frame: []byte(stream + string(fits))}, FromRelay, Limits{})
		r.move(fullBuffer)
		wantNoAllocs(t, fmt.Sprintf("%d bytes before", before), func() {
			for range before/2 + 1 {
				mustRead(t, r)
			}
		})
		if cap(r.buf) > fullBuffer {
			t.Errorf("buffer of %d, want at most %d", cap(r.buf), fullBuffer)
		}
	}
}

func TestDecodeAllocatesNothing(t *testing.T) {
	for _, row := range rows() {
		r := NewReader(&repeat{frame: []byte(row.enc)}, row.from, Limits{})
		r.move(fullBuffer) // where a busy connection's buffer ends up
		wantNoAllocs(t, row.name, func() { mustRead(t, r) })
	}
}

// A chunk of the size that the original grants fits into the buffer, whether the
// peer sends without pause or waits for an answer to each.
func TestDecodeOfChunksAllocatesNothing(t *testing.T) {
	chunk := (&TunTransfer{ID: math.MaxUint64, Total: math.MaxUint64, Chunk: make([]byte, 64<<10)}).Append(nil)
	for _, pause := range []bool{false, true} {
		r := NewReader(&repeat{frame: chunk, pause: pause}, FromRelay, Limits{})
		for range 5 { // until the buffer has grown
			mustRead(t, r)
		}
		wantNoAllocs(t, fmt.Sprintf("one by one: %v", pause), func() { mustRead(t, r) })
	}
}

func TestEncodeAllocatesNothing(t *testing.T) {
	for _, row := range rows() {
		room := make([]byte, 0, row.msg.Size())
		wantNoAllocs(t, row.name, func() { row.msg.Append(room) })
	}
}

func wantNoAllocs(t *testing.T, name string, f func()) {
	t.Helper()
	if n := testing.AllocsPerRun(50, f); n != 0 {
		t.Errorf("%s: %v allocations, want none", name, n)
	}
}

func mustRead(t *testing.T, r *Reader) {
	t.Helper()
	if _, err := r.Read(); err != nil {
		t.Fatal(err)
	}
}

// repeat is a source that sends a frame over and over: without a gap, or with
// pause each in a read of its own.
type repeat struct {
	frame []byte
	pause bool
	off   int // in frame
}

func (s *repeat) Read(b []byte) (int, error) {
	n := 0
	for n < len(b) {
		m := copy(b[n:], s.frame[s.off:])
		n += m
		s.off = (s.off + m) % len(s.frame)
		if s.off == 0 && s.pause {
			break
		}
	}
	return n, nil
}
