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
		t.Run(sideNames[row.from]+"/"+row.name, func(t *testing.T) {
			checkEncode(t, row)
			checkDecode(t, row)
			checkTruncations(t, row)
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
	if got := row.msg.Op(); got != Op(row.enc[0]) {
		t.Errorf("Op is %v, want %v", got, Op(row.enc[0]))
	}
}

func checkDecode(t *testing.T, row row) {
	t.Helper()
	for name, src := range map[string]io.Reader{
		"whole":              strings.NewReader(row.enc),
		"a byte at a time":   iotest.OneByteReader(strings.NewReader(row.enc)),
		"the end with bytes": iotest.DataErrReader(strings.NewReader(row.enc)),
	} {
		r := NewReader(src, row.from, Limits{})
		if m, err := r.Read(); err != nil || !reflect.DeepEqual(m, row.msg) {
			t.Errorf("%s: %+v, %v; want %+v", name, m, err, row.msg)
		}
		if m, err := r.Read(); m != nil || !errors.Is(err, io.EOF) {
			t.Errorf("%s: then %+v, %v; want %v", name, m, err, io.EOF)
		}
	}
}

func checkTruncations(t *testing.T, row row) {
	t.Helper()
	for n := range row.enc {
		want := io.ErrUnexpectedEOF
		if n == 0 {
			want = io.EOF
		}
		r := NewReader(strings.NewReader(row.enc[:n]), row.from, Limits{})
		for range 2 { // errors are for ever
			if m, err := r.Read(); m != nil || !errors.Is(err, want) {
				t.Errorf("first %d bytes: %+v, %v; want %v", n, m, err, want)
			}
		}
	}
}

// All frames of a side in one stream, over and over, so that they cross the ends
// of the reader's buffer at every size that it has.
func TestCoalesced(t *testing.T) {
	for _, side := range []Side{FromApplication, FromRelay} {
		var stream []byte
		var want []row
		for len(stream) < 3*fullBuffer {
			for _, row := range rows() {
				if row.from == side {
					stream, want = append(stream, row.enc...), append(want, row)
				}
			}
		}
		for name, split := range map[string]func(io.Reader) io.Reader{
			"whole":            func(r io.Reader) io.Reader { return r },
			"halves":           iotest.HalfReader,
			"a byte at a time": iotest.OneByteReader,
		} {
			r := NewReader(split(bytes.NewReader(stream)), side, Limits{})
			for i, row := range want {
				if m, err := r.Read(); err != nil || !reflect.DeepEqual(m, row.msg) {
					t.Fatalf("%s, %s: frame %d (%s): %+v, %v; want %+v", sideNames[side], name, i, row.name, m, err, row.msg)
				}
			}
			if _, err := r.Read(); !errors.Is(err, io.EOF) {
				t.Errorf("%s, %s: %v after the last frame, want %v", sideNames[side], name, err, io.EOF)
			}
		}
	}
}

// The table has every message of both directions; a new one has to come with rows.
func TestRowsAreComplete(t *testing.T) {
	for _, side := range []Side{FromApplication, FromRelay} {
		have := map[reflect.Type]bool{}
		for _, row := range plainRows() {
			if row.from == side {
				have[reflect.TypeOf(row.msg)] = true
			}
		}
		r := NewReader(nil, side, Limits{})
		for op := range 256 {
			if m := r.message(Op(op)); m != nil && !have[reflect.TypeOf(m)] {
				t.Errorf("no row with %T %s", m, sideNames[side])
			}
		}
	}
}

func TestOpString(t *testing.T) {
	for op, want := range map[Op]string{
		OpInit: "INIT", OpTunClose: "TUN_CLOSE", 0x0e: "opcode 0x0e", 0xff: "opcode 0xff",
	} {
		if got := op.String(); got != want {
			t.Errorf("opcode %d is %q, want %q", byte(op), got, want)
		}
	}
}
