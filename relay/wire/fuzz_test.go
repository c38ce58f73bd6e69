package wire

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"reflect"
	"testing"

	"github.com/project-iris/iris/relay/internal/conversation"
)

func FuzzFromApplication(f *testing.F) { fuzz(f, FromApplication) }

func FuzzFromRelay(f *testing.F) { fuzz(f, FromRelay) }

// fuzz reads anything as what from sent, split into reads of step bytes (0: as
// many as fit). What decodes has to survive a round trip, what does not has to end
// the stream by the rules, and the buffer has to follow the bytes.
func fuzz(f *testing.F, from Side) {
	var all []byte
	for _, row := range rows() {
		if row.from == from {
			f.Add([]byte(row.enc), uint8(0))
			all = append(all, row.enc...)
		}
	}
	f.Add(all, uint8(7))
	for _, row := range violations {
		if row.from == from {
			f.Add([]byte(row.sent), uint8(1))
		}
	}
	addRecordings(f, from)
	f.Fuzz(func(t *testing.T, data []byte, step uint8) {
		src := &steps{bytes: data, step: int(step)}
		r := NewReader(src, from, Limits{Payload: math.MaxInt})
		for {
			m, err := r.Read()
			if arrived := len(data) - len(src.bytes); cap(r.buf) > bufferBound(arrived) {
				t.Fatalf("buffer of %d bytes after %d", cap(r.buf), arrived)
			}
			if err != nil {
				checkEnd(t, r, err)
				return
			}
			checkRoundTrip(t, m, from)
		}
	})
}

// addRecordings adds the beginnings of what that side said in the recorded conversations.
func addRecordings(f *testing.F, from Side) {
	conversations, err := conversation.Load(os.DirFS("../testdata/conversations"))
	if err != nil {
		f.Fatal(err)
	}
	side := map[Side]conversation.Side{FromApplication: conversation.Client, FromRelay: conversation.Relay}[from]
	for _, c := range conversations {
		for _, conn := range c.Conns() {
			stream := c.Stream(conn, side)
			f.Add(stream[:min(len(stream), 2<<10)], uint8(0))
		}
	}
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

func checkRoundTrip(t *testing.T, m Message, from Side) {
	t.Helper()
	frame := m.Append(nil)
	if m.Size() != len(frame) {
		t.Fatalf("%T: Size is %d, Append adds %d", m, m.Size(), len(frame))
	}
	r := NewReader(bytes.NewReader(frame), from, Limits{Payload: math.MaxInt})
	again, err := r.Read()
	if err != nil || !reflect.DeepEqual(again, m) {
		t.Fatalf("%+v became %+v, %v", m, again, err)
	}
	if rest, err := r.Read(); !errors.Is(err, io.EOF) {
		t.Fatalf("%+v is followed by %+v, %v", m, rest, err)
	}
}

// steps is a source that returns at most step bytes at a time.
type steps struct {
	bytes []byte
	step  int // 0: as many as fit
}

func (s *steps) Read(b []byte) (int, error) {
	if len(s.bytes) == 0 {
		return 0, io.EOF
	}
	if s.step > 0 && len(b) > s.step {
		b = b[:s.step]
	}
	n := copy(b, s.bytes)
	s.bytes = s.bytes[n:]
	return n, nil
}
