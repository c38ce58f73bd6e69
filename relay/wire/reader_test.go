package wire

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

var errBroken = errors.New("connection is broken")

// A source may return its last bytes and its error in one call, and the error only
// then. Both count.
func TestErrorBesideBytes(t *testing.T) {
	src := &once{bytes: "\x02\x02\x0d", err: errBroken}
	r := NewReader(src, FromApplication, Limits{})
	for range 2 {
		if m, err := r.Read(); err != nil || m.Op() != OpClose {
			t.Fatalf("%v, %v; want the frames that came before the error", m, err)
		}
	}
	for range 2 {
		if m, err := r.Read(); m != nil || !errors.Is(err, errBroken) {
			t.Fatalf("%v, %v; want %v", m, err, errBroken)
		}
	}
	if src.calls != 1 {
		t.Errorf("read %d times, want no read after an error", src.calls)
	}
}

func TestSourceErrorInsideFrame(t *testing.T) {
	src := io.MultiReader(strings.NewReader("\x03\x05he"), iotest.ErrReader(errBroken))
	if m, err := NewReader(src, FromRelay, Limits{}).Read(); m != nil || !errors.Is(err, errBroken) {
		t.Errorf("%v, %v; want %v", m, err, errBroken)
	}
}

func TestNothingAfterViolation(t *testing.T) {
	r := NewReader(strings.NewReader("\x02\xee\x02"), FromApplication, Limits{})
	if _, err := r.Read(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		m, err := r.Read()
		wantViolation(t, m, err, 0xee, ErrOpcode)
	}
}

// Whoever appends to a slice of a message does not reach the bytes behind it.
func TestSlicesHaveNoSpareCapacity(t *testing.T) {
	r := NewReader(strings.NewReader("\x03\x01c\x01m\x06\x01t"), FromApplication, Limits{})
	m, err := r.Read()
	if err != nil {
		t.Fatal(err)
	}
	broadcast := m.(*Broadcast)
	_ = append(broadcast.Cluster, "xxx"...)
	_ = append(broadcast.Message, "xxx"...)
	if string(broadcast.Message) != "m" {
		t.Errorf("message is %q, want m", broadcast.Message)
	}
	if m, err := r.Read(); err != nil || string(m.(*Subscribe).Topic) != "t" {
		t.Errorf("%+v, %v; want topic t", m, err)
	}
}

// once is a source that returns all it has with an error, in one call, and has
// forgotten both afterwards.
type once struct {
	bytes string
	err   error
	calls int
}

func (s *once) Read(b []byte) (int, error) {
	s.calls++
	n, err := copy(b, s.bytes), s.err
	s.bytes, s.err = "", io.EOF
	return n, err
}
