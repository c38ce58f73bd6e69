package wire

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
)

// errSilent is what a peer gives that sends no more: a reader that returns it has
// waited for bytes.
var errSilent = errors.New("the peer is silent")

func readAll(sent string, from Side, limits Limits) (Message, error) {
	src := io.MultiReader(strings.NewReader(sent), iotest.ErrReader(errSilent))
	return NewReader(iotest.OneByteReader(src), from, limits).Read()
}

// Each row's last byte is the one by which the violation has to be recognised: the
// reader waits for no more, and has no complaint before.
var violations = []struct {
	name string
	from Side
	sent string
	want error
}{
	{"opcode of HTTP", FromApplication, "G", ErrOpcode},
	{"DENY from an application", FromApplication, "\x01", ErrOpcode},
	{"SUBSCRIBE from a relay", FromRelay, "\x06", ErrOpcode},
	{"UNSUBSCRIBE from a relay", FromRelay, "\x07", ErrOpcode},

	{"Reply, ok is 2", FromApplication, "\x05\x07\x02", ErrBool},
	{"Reply, ok is 255", FromApplication, "\x05\x07\xff", ErrBool},
	{"Result, timed out is 2", FromRelay, "\x05\x07\x02", ErrBool},
	{"Result, ok is 128", FromRelay, "\x05\x07\x00\x80", ErrBool},
	{"TunResult, timed out is 3", FromRelay, "\x0a\x07\x03", ErrBool},

	{"a varint of 65 bits", FromApplication, "\x0d\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", ErrVarint},
	{"a varint of 11 bytes", FromApplication, "\x0d\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80", ErrVarint},
	{"a length of 11 bytes", FromRelay, "\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", ErrVarint},
	{"a magic's length of 11 bytes", FromApplication, "\x00\x91\x80\x80\x80\x80\x80\x80\x80\x80\x80", ErrVarint},

	{"Init, magic of another length", FromApplication, "\x00\x10", ErrMagic},
	{"Init, empty magic", FromApplication, "\x00\x00", ErrMagic},
	{"Init, magic's first byte", FromApplication, "\x00\x11I", ErrMagic},
	{"Init, magic's last byte", FromApplication, "\x00\x11iris-client-magiC", ErrMagic},
	{"Init, the relay's magic", FromApplication, "\x00\x10", ErrMagic},
	{"Accept, magic's first byte", FromRelay, "\x00\x10x", ErrMagic},
	{"Accept, the client's magic", FromRelay, "\x00\x11", ErrMagic},
	{"Deny, magic in the middle", FromRelay, "\x01\x10iris-x", ErrMagic},
}

func TestViolations(t *testing.T) {
	for _, row := range violations {
		t.Run(row.name, func(t *testing.T) {
			m, err := readAll(row.sent, row.from, Limits{})
			wantViolation(t, m, err, Op(row.sent[0]), row.want)
			m, err = readAll(row.sent[:len(row.sent)-1], row.from, Limits{})
			if m != nil || !errors.Is(err, errSilent) {
				t.Errorf("a byte less: %+v, %v; want it to wait", m, err)
			}
		})
	}
}

func wantViolation(t *testing.T, m Message, err error, op Op, want error) {
	t.Helper()
	violation, ok := errors.AsType[*ViolationError](err)
	if m != nil || !ok {
		t.Fatalf("%+v, %v; want a violation: %v", m, err, want)
	}
	if violation.Op != op || !errors.Is(err, want) {
		t.Errorf("violation in %v: %v; want in %v: %v", violation.Op, violation.Err, op, want)
	}
}

func TestEveryOpcode(t *testing.T) {
	known := map[Side]map[Op]bool{FromApplication: {}, FromRelay: {}}
	for _, row := range plainRows() {
		known[row.from][row.msg.Op()] = true
	}
	for side, n := range map[Side]int{FromApplication: 13, FromRelay: 12} {
		if len(known[side]) != n {
			t.Errorf("%d opcodes %s, want %d", len(known[side]), sideNames[side], n)
		}
		for op := range 256 {
			m, err := readAll(string([]byte{byte(op)}), side, Limits{})
			if !known[side][Op(op)] {
				wantViolation(t, m, err, Op(op), ErrOpcode)
			} else if errors.Is(err, ErrOpcode) {
				t.Errorf("%s: %v", sideNames[side], err)
			}
		}
	}
}

// A varint may carry zero groups that say nothing, as encoding/binary reads them.
func TestPaddedVarint(t *testing.T) {
	m, err := readAll("\x0d\x87\x80\x00", FromApplication, Limits{})
	if c, ok := m.(*TunClose); !ok || c.ID != 7 {
		t.Fatalf("%+v, %v; want id 7", m, err)
	}
}

// binaryFields is every string and binary of every message: what stands before its
// length. A magic is none, since its length is given.
var binaryFields = []struct {
	name   string
	from   Side
	before string
	isName bool
}{
	{"Init, version", FromApplication, "\x00\x11iris-client-magic", true},
	{"Init, cluster", FromApplication, initFrame, true},
	{"Accept, version", FromRelay, "\x00\x10iris-relay-magic", true},
	{"Deny, reason", FromRelay, denyFrame, true},
	{"Closed, reason", FromRelay, "\x02", true},
	{"Broadcast, cluster", FromApplication, "\x03", true},
	{"Broadcast, message", FromApplication, "\x03\x01c", false},
	{"Delivery, message", FromRelay, "\x03", false},
	{"Request, cluster", FromApplication, "\x04\x07", true},
	{"Request, body", FromApplication, "\x04\x07\x01c", false},
	{"Call, body", FromRelay, "\x04\x07", false},
	{"Reply, body", FromApplication, "\x05\x07\x01", false},
	{"Reply, fault", FromApplication, "\x05\x07\x00", false},
	{"Result, body", FromRelay, "\x05\x07\x00\x01", false},
	{"Result, fault", FromRelay, "\x05\x07\x00\x00", false},
	{"Subscribe, topic", FromApplication, "\x06", true},
	{"Unsubscribe, topic", FromApplication, "\x07", true},
	{"Publish, topic", FromApplication, "\x08", true},
	{"Publish, event", FromApplication, "\x08\x01t", false},
	{"Publish, topic", FromRelay, "\x08", true},
	{"Publish, event", FromRelay, "\x08\x01t", false},
	{"TunInit, cluster", FromApplication, "\x09\x07", true},
	{"TunTransfer, chunk", FromApplication, "\x0c\x07\x00", false},
	{"TunTransfer, chunk", FromRelay, "\x0c\x07\x00", false},
	{"TunClosed, reason", FromRelay, "\x0d\x07", true},
}

// Names and payloads have limits of their own: a field takes as much as its limit
// and complains about one byte more, by the length alone.
func TestLimits(t *testing.T) {
	for _, field := range binaryFields {
		for _, set := range []Limits{{Name: 20, Payload: 200}, {Name: 200, Payload: 20}, {}} {
			limit := set.withDefaults().Payload
			if field.isName {
				limit = set.withDefaults().Name
			}
			at := field.before + string(appendVarint(nil, uint64(limit)))
			if m, err := readAll(at, field.from, set); m != nil || !errors.Is(err, errSilent) {
				t.Errorf("%s of %d bytes, the limit: %+v, %v; want it to wait", field.name, limit, m, err)
			}
			over := field.before + string(appendVarint(nil, uint64(limit)+1))
			m, err := readAll(over, field.from, set)
			wantViolation(t, m, err, Op(field.before[0]), ErrTooLong)
		}
	}
}

func TestLimitDefaults(t *testing.T) {
	want := Limits{Name: 64 << 10, Payload: 64 << 20}
	for _, l := range []Limits{{}, {Name: -1, Payload: math.MinInt}} {
		if got := l.withDefaults(); got != want {
			t.Errorf("%+v means %+v, want %+v", l, got, want)
		}
	}
}

func TestViolationErrorSaysWhatAndWhere(t *testing.T) {
	_, err := readAll("\x0c\x00\x00\xff\xff\xff\xff\x7f", FromRelay, Limits{})
	want := fmt.Sprintf("protocol violation in TUN_TRANSFER: length over the limit: %d bytes, at most %d are allowed",
		uint64(1)<<35-1, DefaultPayloadLimit)
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
