package wire

import (
	"math"
	"slices"
	"strings"
)

// row is a message and its bytes. Every check of the codec runs over all rows.
type row struct {
	name string
	from Side
	msg  Message
	enc  string
}

var sideNames = map[Side]string{FromApplication: "from application", FromRelay: "from relay"}

// The frames that all conversations begin with.
const (
	initFrame   = "\x00\x11iris-client-magic\x0bv1.0-draft2"
	acceptFrame = "\x00\x10iris-relay-magic\x0bv1.0-draft2"
	denyFrame   = "\x01\x10iris-relay-magic"
)

// latin1 is "münchen" as Erlang sends it, which is not UTF-8.
const latin1 = "m\xfcnchen"

// The varints where the encoded length or the sign bit changes.
var varints = []struct {
	name string
	v    uint64
	enc  string
}{
	{"0", 0, "\x00"},
	{"127", 127, "\x7f"},
	{"128", 128, "\x80\x01"},
	{"2^14-1", 1<<14 - 1, "\xff\x7f"},
	{"2^14", 1 << 14, "\x80\x80\x01"},
	{"2^63-1", 1<<63 - 1, "\xff\xff\xff\xff\xff\xff\xff\xff\x7f"},
	{"2^63", 1 << 63, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"},
	{"2^64-1", math.MaxUint64, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"},
}

// Strings and binaries: empty, opaque, and where the length's own length changes.
var binaries = []struct {
	name string
	v    string
	enc  string
}{
	{"empty", "", "\x00"},
	{"a zero byte", "\x00", "\x01\x00"},
	{"Latin-1", latin1, "\x07" + latin1},
	{"127 bytes", strings.Repeat("n", 127), "\x7f" + strings.Repeat("n", 127)},
	{"128 bytes", strings.Repeat("\xff", 128), "\x80\x01" + strings.Repeat("\xff", 128)},
}

// rows returns every message type with every boundary value in every field.
func rows() []row {
	return slices.Concat(plainRows(), varintRows(), binaryRows())
}

// plainRows holds one ordinary frame for each form that a message has.
func plainRows() []row {
	app, relay := FromApplication, FromRelay
	return []row{
		{"Init, service", app, &Init{Version: b("v1.0-draft2"), Cluster: b("svc")}, initFrame + "\x03svc"},
		{"Init, plain client", app, &Init{Version: b("v1.0-draft2"), Cluster: b("")}, initFrame + "\x00"},
		{"Accept", relay, &Accept{Version: b("v1.0-draft2")}, acceptFrame},
		{"Deny", relay, &Deny{Reason: b("no")}, denyFrame + "\x02no"},
		{"Close", app, &Close{}, "\x02"},
		{"Closed", relay, &Closed{Reason: b("gone")}, "\x02\x04gone"},
		{"Broadcast", app, &Broadcast{Cluster: b("svc"), Message: b("hi")}, "\x03\x03svc\x02hi"},
		{"Delivery", relay, &Delivery{Message: b("hi")}, "\x03\x02hi"},
		{"Request", app, &Request{ID: 7, Cluster: b("svc"), Body: b("hello"), Timeout: 1000}, "\x04\x07\x03svc\x05hello\xe8\x07"},
		{"Call", relay, &Call{ID: 7, Body: b("hello"), Timeout: 1000}, "\x04\x07\x05hello\xe8\x07"},
		{"Reply", app, &Reply{ID: 7, OK: true, Body: b("re")}, "\x05\x07\x01\x02re"},
		{"Reply, fault", app, &Reply{ID: 7, Body: b("bad")}, "\x05\x07\x00\x03bad"},
		{"Result", relay, &Result{ID: 7, OK: true, Body: b("re")}, "\x05\x07\x00\x01\x02re"},
		{"Result, fault", relay, &Result{ID: 7, Body: b("bad")}, "\x05\x07\x00\x00\x03bad"},
		{"Result, timed out", relay, &Result{ID: 7, TimedOut: true}, "\x05\x07\x01"},
		{"Subscribe", app, &Subscribe{Topic: b("news")}, "\x06\x04news"},
		{"Unsubscribe", app, &Unsubscribe{Topic: b("news")}, "\x07\x04news"},
		{"Publish", app, &Publish{Topic: b("news"), Event: b("e0")}, "\x08\x04news\x02e0"},
		{"Publish", relay, &Publish{Topic: b("news"), Event: b("e0")}, "\x08\x04news\x02e0"},
		{"TunInit", app, &TunInit{ID: 7, Cluster: b("svc"), Timeout: 1000}, "\x09\x07\x03svc\xe8\x07"},
		{"TunOffer", relay, &TunOffer{BuildID: 7, ChunkLimit: 65536}, "\x09\x07\x80\x80\x04"},
		{"TunConfirm", app, &TunConfirm{BuildID: 7, ID: 8}, "\x0a\x07\x08"},
		{"TunResult", relay, &TunResult{ID: 7, ChunkLimit: 65536}, "\x0a\x07\x00\x80\x80\x04"},
		{"TunResult, timed out", relay, &TunResult{ID: 7, TimedOut: true}, "\x0a\x07\x01"},
		{"TunAllow", app, &TunAllow{ID: 7, Bytes: 64 << 20}, "\x0b\x07\x80\x80\x80\x20"},
		{"TunAllow", relay, &TunAllow{ID: 7, Bytes: 4 << 20}, "\x0b\x07\x80\x80\x80\x02"},
		{"TunTransfer", app, &TunTransfer{ID: 7, Total: 5, Chunk: b("abc")}, "\x0c\x07\x05\x03abc"},
		{"TunTransfer", relay, &TunTransfer{ID: 7, Total: 0, Chunk: b("de")}, "\x0c\x07\x00\x02de"},
		{"TunClose", app, &TunClose{ID: 7}, "\x0d\x07"},
		{"TunClosed", relay, &TunClosed{ID: 7, Reason: b("gone")}, "\x0d\x07\x04gone"},
	}
}

// varintRows puts each boundary into every varint of every message.
func varintRows() []row {
	app, relay := FromApplication, FromRelay
	var rows []row
	for _, n := range varints {
		v, e := n.v, n.enc
		of := func(field string) string { return field + " " + n.name }
		rows = append(rows, []row{
			{of("Request, id"), app, &Request{ID: v, Cluster: b(""), Body: b("")}, "\x04" + e + "\x00\x00\x00"},
			{of("Request, timeout"), app, &Request{Cluster: b("c"), Body: b("b"), Timeout: v}, "\x04\x00\x01c\x01b" + e},
			{of("Call, id"), relay, &Call{ID: v, Body: b("")}, "\x04" + e + "\x00\x00"},
			{of("Call, timeout"), relay, &Call{Body: b("b"), Timeout: v}, "\x04\x00\x01b" + e},
			{of("Reply, id"), app, &Reply{ID: v, OK: true, Body: b("")}, "\x05" + e + "\x01\x00"},
			{of("Result, id"), relay, &Result{ID: v, OK: true, Body: b("")}, "\x05" + e + "\x00\x01\x00"},
			{of("Result, timed out, id"), relay, &Result{ID: v, TimedOut: true}, "\x05" + e + "\x01"},
			{of("TunInit, id"), app, &TunInit{ID: v, Cluster: b("")}, "\x09" + e + "\x00\x00"},
			{of("TunInit, timeout"), app, &TunInit{Cluster: b("c"), Timeout: v}, "\x09\x00\x01c" + e},
			{of("TunOffer, build id"), relay, &TunOffer{BuildID: v}, "\x09" + e + "\x00"},
			{of("TunOffer, chunk limit"), relay, &TunOffer{ChunkLimit: v}, "\x09\x00" + e},
			{of("TunConfirm, build id"), app, &TunConfirm{BuildID: v}, "\x0a" + e + "\x00"},
			{of("TunConfirm, id"), app, &TunConfirm{ID: v}, "\x0a\x00" + e},
			{of("TunResult, id"), relay, &TunResult{ID: v}, "\x0a" + e + "\x00\x00"},
			{of("TunResult, chunk limit"), relay, &TunResult{ChunkLimit: v}, "\x0a\x00\x00" + e},
			{of("TunResult, timed out, id"), relay, &TunResult{ID: v, TimedOut: true}, "\x0a" + e + "\x01"},
			{of("TunClose, id"), app, &TunClose{ID: v}, "\x0d" + e},
			{of("TunClosed, id"), relay, &TunClosed{ID: v, Reason: b("")}, "\x0d" + e + "\x00"},
		}...)
		for _, from := range []Side{app, relay} {
			rows = append(rows, []row{
				{of("TunAllow, id"), from, &TunAllow{ID: v}, "\x0b" + e + "\x00"},
				{of("TunAllow, bytes"), from, &TunAllow{Bytes: v}, "\x0b\x00" + e},
				{of("TunTransfer, id"), from, &TunTransfer{ID: v, Chunk: b("x")}, "\x0c" + e + "\x00\x01x"},
				{of("TunTransfer, total"), from, &TunTransfer{Total: v, Chunk: b("x")}, "\x0c\x00" + e + "\x01x"},
			}...)
		}
	}
	return rows
}

// binaryRows puts each boundary into every string and binary of every message.
func binaryRows() []row {
	app, relay := FromApplication, FromRelay
	var rows []row
	for _, n := range binaries {
		v, e := b(n.v), n.enc
		of := func(field string) string { return field + " " + n.name }
		rows = append(rows, []row{
			{of("Init, version"), app, &Init{Version: v, Cluster: b("c")}, "\x00\x11iris-client-magic" + e + "\x01c"},
			{of("Init, cluster"), app, &Init{Version: b("v"), Cluster: v}, "\x00\x11iris-client-magic\x01v" + e},
			{of("Accept, version"), relay, &Accept{Version: v}, "\x00\x10iris-relay-magic" + e},
			{of("Deny, reason"), relay, &Deny{Reason: v}, denyFrame + e},
			{of("Closed, reason"), relay, &Closed{Reason: v}, "\x02" + e},
			{of("Broadcast, cluster"), app, &Broadcast{Cluster: v, Message: b("m")}, "\x03" + e + "\x01m"},
			{of("Broadcast, message"), app, &Broadcast{Cluster: b("c"), Message: v}, "\x03\x01c" + e},
			{of("Delivery, message"), relay, &Delivery{Message: v}, "\x03" + e},
			{of("Request, cluster"), app, &Request{Cluster: v, Body: b("b"), Timeout: 1}, "\x04\x00" + e + "\x01b\x01"},
			{of("Request, body"), app, &Request{Cluster: b("c"), Body: v, Timeout: 1}, "\x04\x00\x01c" + e + "\x01"},
			{of("Call, body"), relay, &Call{Body: v, Timeout: 1}, "\x04\x00" + e + "\x01"},
			{of("Reply, body"), app, &Reply{OK: true, Body: v}, "\x05\x00\x01" + e},
			{of("Reply, fault"), app, &Reply{Body: v}, "\x05\x00\x00" + e},
			{of("Result, body"), relay, &Result{OK: true, Body: v}, "\x05\x00\x00\x01" + e},
			{of("Result, fault"), relay, &Result{Body: v}, "\x05\x00\x00\x00" + e},
			{of("Subscribe, topic"), app, &Subscribe{Topic: v}, "\x06" + e},
			{of("Unsubscribe, topic"), app, &Unsubscribe{Topic: v}, "\x07" + e},
			{of("TunInit, cluster"), app, &TunInit{Cluster: v, Timeout: 1}, "\x09\x00" + e + "\x01"},
			{of("TunClosed, reason"), relay, &TunClosed{Reason: v}, "\x0d\x00" + e},
		}...)
		for _, from := range []Side{app, relay} {
			rows = append(rows, []row{
				{of("Publish, topic"), from, &Publish{Topic: v, Event: b("e")}, "\x08" + e + "\x01e"},
				{of("Publish, event"), from, &Publish{Topic: b("t"), Event: v}, "\x08\x01t" + e},
				{of("TunTransfer, chunk"), from, &TunTransfer{Total: 1, Chunk: v}, "\x0c\x00\x01" + e},
			}...)
		}
	}
	return rows
}

// b returns s as bytes: never nil, as a reader returns them.
func b(s string) []byte { return []byte(s) }
