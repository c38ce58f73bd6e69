package wire

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

func TestCodec(t *testing.T) {
	for _, row := range rows() {
		t.Run(row.name, func(t *testing.T) {
			checkEncode(t, row)
			checkDecode(t, row)
			checkTruncations(t, row)
			checkShortFrames(t, row)
			checkTrailingFields(t, row)
		})
	}
}

func checkEncode(t *testing.T, row row) {
	t.Helper()
	if got := row.msg.Append(nil); string(got) != row.enc {
		t.Errorf("Append gives %x, want %x", got, row.enc)
	}
	if got := row.msg.Append([]byte("before")); string(got) != "before"+row.enc {
		t.Errorf("Append to bytes gives %x", got)
	}
	if got := row.msg.Size(); got != len(row.enc) {
		t.Errorf("Size is %d, want %d", got, len(row.enc))
	}
}

func checkDecode(t *testing.T, row row) {
	t.Helper()
	for name, src := range map[string]io.Reader{
		"whole":              strings.NewReader(row.enc),
		"a byte at a time":   iotest.OneByteReader(strings.NewReader(row.enc)),
		"the end with bytes": iotest.DataErrReader(strings.NewReader(row.enc)),
	} {
		r := NewReader(src, Limits{})
		if m, err := r.Read(); err != nil || !reflect.DeepEqual(m, row.msg) {
			t.Errorf("%s: %+v, %v; want %+v", name, m, err, row.msg)
		}
		if m, err := r.Read(); m != nil || !errors.Is(err, io.EOF) {
			t.Errorf("%s: then %+v, %v; want %v", name, m, err, io.EOF)
		}
	}
}

// checkTruncations ends the stream after every byte of the frame.
func checkTruncations(t *testing.T, row row) {
	t.Helper()
	for n := range row.enc {
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		r := NewReader(strings.NewReader(row.enc[:n]), Limits{})
		for range 2 { // errors are for ever
			if m, err := r.Read(); m != nil || !errors.Is(err, want) {
				t.Errorf("first %d bytes: %+v, %v; want %v", n, m, err, want)
			}
		}
	}
}

// fields returns what is behind the length of a frame.
func fields(frame string) string {
	for i := range frame {
		if frame[i] < 0x80 {
			return frame[i+1:]
		}
	}
	return ""
}

func framed(fields string) string {
	return string(appendVarint(nil, uint64(len(fields)))) + fields
}

// checkShortFrames ends the frame itself after every byte of its fields. Those of the
// frame behind it are not taken for its own.
func checkShortFrames(t *testing.T, row row) {
	t.Helper()
	whole := fields(row.enc)
	for n := 1; n < len(whole); n++ {
		if n == 1+leastFields(row.msg) {
			continue
		}
		m, err := NewReader(strings.NewReader(framed(whole[:n])+row.enc), Limits{}).Read()
		if _, ok := errors.AsType[*ViolationError](err); !ok || !errors.Is(err, ErrTruncated) {
			t.Errorf("fields of %d bytes: %+v, %v; want %v", n, m, err, ErrTruncated)
		}
	}
}

// leastFields returns the bytes of the fields without those that may be absent, -1 if none
// may.
func leastFields(m Message) int {
	if info, ok := m.(*Info); ok {
		return sizeVarint(info.Epoch) + sizeBinary(info.Address)
	}
	if request, ok := m.(*Request); ok && request.Trace != nil {
		return request.fields() - sizeTrace
	}
	return -1
}

// absent returns the fields that may be absent as a frame has them that has fields behind them.
func absent(m Message) string {
	if request, ok := m.(*Request); ok && request.Trace == nil {
		return strings.Repeat("\x00", sizeTrace)
	}
	return ""
}

// checkTrailingFields adds what a later version of this protocol might.
func checkTrailingFields(t *testing.T, row row) {
	t.Helper()
	sent := framed(fields(row.enc)+absent(row.msg)+"\xff\xff of a later day") + row.enc
	r := NewReader(strings.NewReader(sent), Limits{})
	for range 2 {
		if m, err := r.Read(); err != nil || !bytes.Equal(m.Append(nil), []byte(row.enc)) {
			t.Errorf("with fields added: %+v, %v; want %+v", m, err, row.msg)
		}
	}
}

// All frames in one stream, over and over, with unknown ones between them, so that
// they cross the ends of the reader's buffer at every size that it has.
func TestCoalesced(t *testing.T) {
	var stream []byte
	var want []row
	for len(stream) < 3*fullBuffer {
		for _, row := range rows() {
			stream, want = append(stream, row.enc...), append(want, row)
			stream = append(stream, framed("\xee"+strings.Repeat("?", len(want)%700))...)
		}
	}
	for name, split := range map[string]func(io.Reader) io.Reader{
		"whole":            func(r io.Reader) io.Reader { return r },
		"halves":           iotest.HalfReader,
		"a byte at a time": iotest.OneByteReader,
	} {
		r := NewReader(split(bytes.NewReader(stream)), Limits{})
		for i, row := range want {
			if m, err := r.Read(); err != nil || !bytes.Equal(m.Append(nil), []byte(row.enc)) {
				t.Fatalf("%s: frame %d (%s): %+v, %v; want %+v", name, i, row.name, m, err, row.msg)
			}
		}
		if _, err := r.Read(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v after the last frame, want %v", name, err, io.EOF)
		}
	}
}

// A node that tells only the address that there was first is understood.
func TestAnInfoWithoutMoreAddresses(t *testing.T) {
	info, err := ParseInfo([]byte("\x05\x01\xac\x02\x01a"))
	if want := (&Info{Epoch: 300, Address: []byte("a")}); err != nil || !reflect.DeepEqual(info, want) {
		t.Errorf("%+v, %v; want %+v", info, err, want)
	}
}

// Bits of flags that nobody knows yet change nothing.
func TestUnknownFlags(t *testing.T) {
	m, err := NewReader(strings.NewReader("\x05\x11\x01\xac\x02\xff"), Limits{}).Read()
	if want := (&Digest{Epoch: 1, Sequence: 300, Ask: true}); err != nil || !reflect.DeepEqual(m, want) {
		t.Errorf("%+v, %v; want %+v", m, err, want)
	}
}

func TestViolations(t *testing.T) {
	for _, row := range violations {
		t.Run(row.name, func(t *testing.T) {
			r := NewReader(iotest.OneByteReader(strings.NewReader(row.sent)), Limits{})
			for range 2 { // for ever
				m, err := r.Read()
				v, ok := errors.AsType[*ViolationError](err)
				if !ok || !errors.Is(err, row.err) || v.Type != row.typ {
					t.Fatalf("%+v, %v; want %v in %v", m, err, row.err, row.typ)
				}
			}
		})
	}
}

// The table has every message; a new one has to come with rows.
func TestRowsAreComplete(t *testing.T) {
	have := map[Type]bool{}
	for _, row := range rows() {
		have[row.msg.Type()] = true
	}
	var all messages
	for typ := range 256 {
		m := all.message(Type(typ))
		if m != nil && (!have[Type(typ)] || m.Type() != Type(typ)) {
			t.Errorf("no row with %T, or it says that it is %v", m, m.Type())
		}
		if known := !strings.HasPrefix(Type(typ).String(), "frame type"); known != (m != nil) {
			t.Errorf("%v has a name: %v", Type(typ), known)
		}
	}
}

// What a sender adds up by the constants is never less than what a frame takes.
func TestUpdateBound(t *testing.T) {
	m := &Update{Epoch: 1<<64 - 1, Previous: 1<<64 - 1, Sequence: 1<<64 - 1}
	bound := UpdateOverhead
	for range 300 {
		m.Registered, m.Unregistered = append(m.Registered, nameX), append(m.Unregistered, nameX)
		m.Watched, m.Unwatched = append(m.Watched, nameX), append(m.Unwatched, nameX)
		a := Answer{Name: nameX}
		for range 130 {
			a.Added, a.Removed = append(a.Added, Registrant{nodeA, 1<<64 - 1}), append(a.Removed, nodeA)
		}
		m.Answers = append(m.Answers, a)
		bound += 4*NameBytes + AnswerBytes + 130*(AddedBytes+RemovedBytes)
	}
	if got := 1 + m.fields(); got > bound {
		t.Errorf("%d bytes, over the bound of %d", got, bound)
	}
}
