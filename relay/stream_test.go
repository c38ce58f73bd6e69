package relay

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"testing/iotest"
)

func TestRecordsComeBackAsTheyWereWritten(t *testing.T) {
	type record struct {
		total uint64
		chunk string
	}
	records := []record{
		{1, "x"},
		{math.MaxUint64, "y"},
		{0, strings.Repeat("z", chunkLimit)},
		{127, strings.Repeat("\x00", 127)},
		{128, strings.Repeat("\xff", 128)},
	}
	var b []byte
	sum := 0
	for _, r := range records {
		b = appendChunk(b, r.total, []byte(r.chunk))
		sum += len(r.chunk)
	}
	if got := chunkBytes(b); got != sum {
		t.Errorf("%d bytes in the chunks, want %d", got, sum)
	}
	b = appendEnd(b, strings.Repeat("r", maxReason+1))
	if got := chunkBytes(b); got != sum {
		t.Errorf("%d bytes in the chunks before the end, want %d", got, sum)
	}

	reader := newRecordReader(iotest.OneByteReader(bytes.NewReader(b)))
	for i, want := range records {
		total, length, err := reader.header()
		if err != nil || total != want.total || length != len(want.chunk) {
			t.Fatalf("record %d: %d, %d, %v", i, total, length, err)
		}
		chunk := make([]byte, length)
		if err := reader.chunk(chunk); err != nil || string(chunk) != want.chunk {
			t.Fatalf("record %d: chunk %.20q, %v", i, chunk, err)
		}
	}
	if _, length, err := reader.header(); length != 0 || err != nil {
		t.Fatalf("end: %d, %v", length, err)
	}
	if reason, err := reader.reason(); err != nil || reason != strings.Repeat("r", maxReason) {
		t.Fatalf("reason %.20q, %v", reason, err)
	}
}

// FuzzRecords reads any bytes: what is read is within the limits, and comes out of
// the same bytes again.
func FuzzRecords(f *testing.F) {
	f.Add([]byte("\x05\x05hello\x00\x00\x00"))
	f.Add([]byte("\x05\x02he\x00\x03llo\x00\x00\x06broken"))
	f.Fuzz(func(t *testing.T, data []byte) {
		reader := newRecordReader(bytes.NewReader(data))
		var again []byte
		for {
			total, length, err := reader.header()
			if err != nil {
				return
			}
			if length > chunkLimit {
				t.Fatalf("a chunk of %d bytes", length)
			}
			if length == 0 {
				reason, err := reader.reason()
				if err == nil && len(reason) > maxReason {
					t.Fatalf("a reason of %d bytes", len(reason))
				}
				return
			}
			chunk := make([]byte, length)
			if err := reader.chunk(chunk); err != nil {
				return
			}
			again = appendChunk(again, total, chunk)
			if len(again) > len(data) {
				t.Fatalf("%d bytes were read of %d", len(again), len(data))
			}
		}
	})
}
