package wire

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// FuzzReader reads anything. What decodes has to survive a round trip, what does
// not has to end the stream by the rules, and the buffer has to follow the bytes.
func FuzzReader(f *testing.F) {
	var all []byte
	for _, row := range rows() {
		f.Add([]byte(row.enc), false)
		all = append(all, row.enc...)
	}
	f.Add(all, true)
	for _, row := range violations {
		f.Add([]byte(row.sent), true)
	}
	for _, frame := range recorded(f) {
		f.Add(frame, false)
	}
	f.Fuzz(func(t *testing.T, data []byte, bytewise bool) {
		var src io.Reader = bytes.NewReader(data)
		if bytewise {
			src = iotest.OneByteReader(src)
		}
		r := NewReader(src, Limits{})
		for {
			m, err := r.Read()
			if len(r.buf) > max(minBuffer, 2*len(data)) {
				t.Fatalf("buffer of %d bytes for %d", len(r.buf), len(data))
			}
			if err != nil {
				checkEnd(t, r, err)
				return
			}
			checkRoundTrip(t, m)
		}
	})
}

func checkEnd(t *testing.T, r *Reader, err error) {
	t.Helper()
	_, violation := errors.AsType[*ViolationError](err)
	if !violation && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("error of no kind that Read has: %v", err)
	}
	if m, again := r.Read(); m != nil || !errors.Is(again, err) {
		t.Fatalf("%+v, %v after %v", m, again, err)
	}
}

func checkRoundTrip(t *testing.T, m Message) {
	t.Helper()
	frame := m.Append(nil)
	if m.Size() != len(frame) {
		t.Fatalf("%T: Size is %d, Append adds %d", m, m.Size(), len(frame))
	}
	again, err := NewReader(bytes.NewReader(frame), Limits{}).Read()
	if err != nil || !bytes.Equal(again.Append(nil), frame) {
		t.Fatalf("%+v became %+v, %v", m, again, err)
	}
}
