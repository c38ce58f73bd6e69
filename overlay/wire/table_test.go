package wire

import (
	"math"
	"strings"

	"github.com/project-iris/iris/transport"
)

// row is a message and its bytes. Every check of the codec runs over all rows.
type row struct {
	name string
	msg  Message
	enc  string
}

// Ids and names that are easy to see in a frame.
var (
	nodeA, nodeB = transport.PeerID([]byte(strings.Repeat("A", 32))), transport.PeerID([]byte(strings.Repeat("B", 32)))
	nameX, nameY = Name([]byte(strings.Repeat("x", 16))), Name([]byte(strings.Repeat("y", 16)))
)

const (
	encA = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	encB = "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
	encX = "xxxxxxxxxxxxxxxx"
	encY = "yyyyyyyyyyyyyyyy"

	maxVarint = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
)

// rows holds every message in every form that it has, and with its fields at the
// ends of their ranges.
func rows() []row {
	return []row{
		{"Digest", &Digest{Epoch: 1, Sequence: 300}, "\x05\x11\x01\xac\x02\x00"},
		{"Digest, ask", &Digest{Epoch: 1, Sequence: 300, Ask: true}, "\x05\x11\x01\xac\x02\x01"},
		{"Digest, greatest", &Digest{Epoch: math.MaxUint64, Sequence: math.MaxUint64}, "\x16\x11" + maxVarint + maxVarint + "\x00"},
		{"Ack", &Ack{Epoch: 1, Have: 127, Seen: 128}, "\x06\x12\x01\x7f\x80\x01\x00"},
		{"Ack, unconfirmed", &Ack{Epoch: 1, Have: 3, Seen: 3, Unconfirmed: 2}, "\x05\x12\x01\x03\x03\x02"},
		{"Ack, greatest", &Ack{Epoch: math.MaxUint64, Have: math.MaxUint64, Seen: math.MaxUint64, Unconfirmed: math.MaxUint64}, "\x29\x12" + maxVarint + maxVarint + maxVarint + maxVarint},
		{"Update, empty", &Update{Epoch: 1, Previous: 2, Sequence: 3}, "\x0a\x10\x01\x02\x03\x00\x00\x00\x00\x00\x00"},
		{"Update, reset", &Update{Epoch: 1, Sequence: 3, Reset: true}, "\x0a\x10\x01\x00\x03\x01\x00\x00\x00\x00\x00"},
		{"Update, complete", &Update{Epoch: 1, Sequence: 3, Complete: true}, "\x0a\x10\x01\x00\x03\x02\x00\x00\x00\x00\x00"},
		{
			"Update, registrations",
			&Update{Epoch: 1, Previous: 2, Sequence: 3, Registered: []Name{nameX, nameY}, Unregistered: []Name{nameY}},
			"\x3a\x10\x01\x02\x03\x00\x02" + encX + encY + "\x01" + encY + "\x00\x00\x00",
		},
		{
			"Update, watches",
			&Update{Epoch: 1, Previous: 2, Sequence: 3, Watched: []Name{nameX}, Unwatched: []Name{nameX, nameY}},
			"\x3a\x10\x01\x02\x03\x00\x00\x00\x01" + encX + "\x02" + encX + encY + "\x00",
		},
		{
			"Update, answers",
			&Update{Epoch: 1, Previous: 2, Sequence: 3, Answers: []Answer{
				{Name: nameX, Current: true},
				{Name: nameY, Anew: true, Added: []Registrant{{nodeA, 7}, {nodeB, 300}}, Removed: []transport.PeerID{nodeB}},
			}},
			"\x93\x01\x10\x01\x02\x03\x00\x00\x00\x00\x00\x02" +
				encX + "\x01\x00\x00" + encY + "\x02\x02" + encA + "\x07" + encB + "\xac\x02" + "\x01" + encB,
		},
		{"Tunnel", &Tunnel{Timeout: 300, Cluster: []byte("c")}, "\x05\x40\xac\x02\x01c"},
		{"Info", &Info{Epoch: 300, Address: []byte("a")}, "\x07\x01\xac\x02\x01a\x00\x00"},
		{
			"Info, more addresses",
			&Info{
				Epoch: 300, Address: []byte("a"),
				Services: []Service{{[]byte("quic"), 14142}, {[]byte("t"), 300}},
				Hosts:    []Host{{3, []byte("4444")}, {1, []byte("sixteen of bytes")}},
			},
			"\x2a\x01\xac\x02\x01a\x02\x04quic\xbe\x6e\x01t\xac\x02\x02\x03\x044444\x01\x10sixteen of bytes",
		},
		{"Seen", &Seen{Host: []byte("4444")}, "\x06\x02\x044444"},
		{"Retire", &Retire{Stage: RetireRefuse}, "\x02\x03\x02"},
		{"Ping", &Ping{}, "\x02\x04\x00"},
		{"Ping, answer", &Ping{Answer: true}, "\x02\x04\x01"},
		{"Read", &Read{Bytes: 300}, "\x03\x05\xac\x02"},
		{"Read, greatest", &Read{Bytes: math.MaxUint64}, "\x0b\x05" + maxVarint},
		{"Request", &Request{ID: 1, Timeout: 300, Cluster: []byte("c"), Body: []byte("body")}, "\x0b\x20\x01\xac\x02\x01c\x04body"},
		{"Request, empty", &Request{Cluster: []byte{}, Body: []byte{}}, "\x05\x20\x00\x00\x00\x00"},
		{"Request, greatest", &Request{ID: math.MaxUint64, Timeout: math.MaxUint64, Cluster: []byte{}, Body: []byte{}}, "\x17\x20" + maxVarint + maxVarint + "\x00\x00"},
		{
			"Request, traced",
			&Request{ID: 1, Timeout: 300, Cluster: []byte("c"), Body: []byte("body"), Trace: []byte("sixteen bytes id")},
			"\x1b\x20\x01\xac\x02\x01c\x04bodysixteen bytes id",
		},
		{"Reply", &Reply{ID: 1, Status: StatusReply, Load: 2, Body: []byte("r")}, "\x06\x21\x01\x00\x02\x01r"},
		{"Reply, fault", &Reply{ID: 1, Status: StatusFault, Load: 300, Body: []byte{}}, "\x06\x21\x01\x01\xac\x02\x00"},
		{"Refusal", &Refusal{ID: 1, Reason: ReasonDraining, Load: 2, Cluster: []byte("c"), Body: []byte("b")}, "\x08\x22\x01\x03\x02\x01c\x01b"},
		{"Refusal, greatest", &Refusal{ID: math.MaxUint64, Reason: 255, Load: math.MaxUint64, Cluster: []byte{}, Body: []byte{}}, "\x18\x22" + maxVarint + "\xff" + maxVarint + "\x00\x00"},
		{"Broadcast", &Broadcast{Cluster: []byte("c"), Message: []byte("m")}, "\x05\x30\x01c\x01m"},
		{"Event", &Event{Topic: []byte("\xff"), Event: []byte{}}, "\x04\x31\x01\xff\x00"},
		{
			"Forward",
			&Forward{Kind: KindBroadcast, Sender: 2, Order: 300, Name: []byte("c"), Nodes: []transport.PeerID{nodeA, nodeB}, Message: []byte("m")},
			"\x4a\x32\x01\x02\xac\x02\x01c\x02" + encA + encB + "\x01m",
		},
		{"Forward, to nobody else", &Forward{Name: []byte("t"), Message: []byte{}}, "\x08\x32\x00\x00\x00\x01t\x00\x00"},
		{
			"Copy",
			&Forwarded{Kind: KindEvent, Origin: nodeB, Sender: 2, Order: 300, Name: []byte("t"), Message: []byte("m")},
			"\x29\x33\x00" + encB + "\x02\xac\x02\x01t\x01m",
		},
		{
			"Copy of a marker, greatest",
			&Forwarded{Kind: KindMarker, Origin: nodeA, Sender: math.MaxUint64, Order: math.MaxUint64, Name: []byte{}, Message: []byte{}},
			"\x38\x33\x02" + encA + maxVarint + maxVarint + "\x00\x00",
		},
		{"Passed", &MarkerPassed{Token: 300}, "\x03\x34\xac\x02"},
	}
}

// violations are frames that no version allows.
var violations = []struct {
	name string
	sent string
	typ  Type
	err  error
}{
	{"no type", "\x00", 0, ErrEmpty},
	{"length over 64 bits", strings.Repeat("\xff", 10) + "\x01", 0, ErrVarint},
	{"no fields", "\x01\x11", TypeDigest, ErrTruncated},
	{"ends in a varint", "\x03\x11\x01\x80", TypeDigest, ErrTruncated},
	{"ends before the last field", "\x03\x11\x01\x01", TypeDigest, ErrTruncated},
	{"varint over 64 bits", "\x0e\x11" + strings.Repeat("\xff", 10) + "\x01\x01\x01", TypeDigest, ErrVarint},
	{"directory's frame is too long", "\x81\x80\x04\x10", TypeUpdate, ErrTooLong},
	{"unknown frame of the directory is too long", "\x81\x80\x04\x1f", 0x1f, ErrTooLong},
	{"frame is too long", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x7f", 0x7f, ErrTooLong},
	{"more names than bytes", "\x16\x10\x01\x02\x03\x00\x02" + encX, TypeUpdate, ErrTruncated},
	{"2^64-1 names", "\x1f\x10\x01\x02\x03\x00" + maxVarint + encX, TypeUpdate, ErrTruncated},
	{"more answers than bytes", "\x1d\x10\x01\x02\x03\x00\x00\x00\x00\x00\x02" + encX + "\x01\x00\x00", TypeUpdate, ErrTruncated},
	{"2^40 answers", "\x22\x10\x01\x02\x03\x00\x00\x00\x00\x00\x80\x80\x80\x80\x80\x20" + encX + "\x01\x00\x00\x00\x00\x00", TypeUpdate, ErrTruncated},
	{"more nodes than bytes", "\x1d\x10\x01\x02\x03\x00\x00\x00\x00\x00\x01" + encX + "\x01\x01\x00", TypeUpdate, ErrTruncated},
	{"more nodes for copies than bytes", "\x28\x32\x00\x00\x00\x00\x02" + encA + "\x00\x00", TypeForward, ErrTruncated},
	{"too many nodes for copies", "\xa8\x80\x02\x32\x00\x00\x00\x00\x81\x08" + strings.Repeat(encA, 1025) + "\x00", TypeForward, ErrTooLong},
	{"more services than an info has", "\x19\x01\x01\x01\x00\x09" + strings.Repeat("\x00\x01", 9) + "\x00\x00", TypeInfo, ErrTooLong},
	{"more hosts than an info has", "\x28\x01\x01\x01\x00\x00\x11" + strings.Repeat("\x01\x00", 17), TypeInfo, ErrTooLong},
	{"2^64-1 hosts", "\x0f\x01\x01\x01\x00\x00" + maxVarint[:9] + "\x01", TypeInfo, ErrTruncated},
	{"more removed than bytes", "\x1d\x10\x01\x02\x03\x00\x00\x00\x00\x00\x01" + encX + "\x01\x00\x01", TypeUpdate, ErrTruncated},
}
