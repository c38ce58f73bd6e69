package membership

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/project-iris/iris/transport"
)

func newTestScreen(limit uint64) *screen {
	return &screen{maxNodes: limit, leaves: func(transport.PeerID) {}}
}

// FuzzPacket: whatever comes, the screen neither fails nor reads beyond.
func FuzzPacket(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{typePing, 0x81, 0xa1, 'x', 1})
	f.Add([]byte{typeCompound, 2, 0, 2, 0, 2, typeAck, 0x80, typeDead, 0x80})
	f.Add([]byte{typeCRC, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		err := newTestScreen(4).packet(b)
		for message := range messages(b) {
			if len(message) == 0 {
				t.Error("an empty message")
			}
			if err == nil && message[0] > typeCRC {
				t.Errorf("type %d passed", message[0])
			}
		}
		firstMessage(b)
	})
}

// FuzzStream: what passes is a beginning of what came, of bounded size.
func FuzzStream(f *testing.F) {
	f.Add([]byte{typeState, 0x82, 0xa5, 'N', 'o', 'd', 'e', 's', 1, 0xa1, 'x', 0xc2, 0x80})
	f.Add([]byte{typePing, 0x80})
	f.Add([]byte{typeState, 0xdf, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 4
		message, err := newTestScreen(limit).stream(bytes.NewReader(b))
		if err != nil {
			return
		}
		if !bytes.HasPrefix(b, message) || len(message) > 1+(limit+1)*maxObject {
			t.Errorf("%d of %d bytes passed", len(message), len(b))
		}
	})
}

// encode encodes a map as memberlist does; values are texts and numbers.
func encode(pairs ...any) []byte {
	b := binary.BigEndian.AppendUint16([]byte{0xde}, uint16(len(pairs)/2))
	for _, v := range pairs {
		switch v := v.(type) {
		case string:
			b = append(binary.BigEndian.AppendUint16(append(b, 0xda), uint16(len(v))), v...)
		case int:
			b = binary.BigEndian.AppendUint32(append(b, 0xce), uint32(v))
		}
	}
	return b
}

func message(kind byte, objects ...[]byte) []byte {
	return append([]byte{kind}, slices.Concat(objects...)...)
}

// sized is an object of so many bytes.
func sized(bytes int) []byte {
	return encode("x", strings.Repeat("y", bytes-len(encode("x", ""))))
}

// fields is an object of so many fields.
func fields(count int) []byte { return encode(slices.Repeat([]any{"x", 1}, count)...) }

func TestScreenRows(t *testing.T) {
	good := []byte{typeAck, 0x82, 0xa5, 'S', 'e', 'q', 'N', 'o', 7, 0xa7, 'P', 'a', 'y', 'l', 'o', 'a', 'd', 0xc0}
	rows := []struct {
		name string
		b    []byte
		ok   bool
	}{
		{"a good one", good, true},
		{"empty", nil, false},
		{"no object", []byte{typeAck}, false},
		{"cut off", good[:len(good)-1], false},
		{"nested", []byte{typeAck, 0x81, 0xa1, 'x', 0x81, 0xa1, 'y', 1}, false},
		{"a name that is none", []byte{typeAck, 0x81, 1, 1}, false},
		{"as many fields as are allowed", message(typeAck, fields(maxFields)), true},
		{"a field too many", message(typeAck, fields(maxFields+1)), false},
		{"as large as is allowed", message(typeAlive, sized(maxObject)), true},
		{"a byte too large", message(typeAlive, sized(maxObject+1)), false},
		{"a node that tells all that it may", message(typeAlive, encode("Node", strings.Repeat("n", 64), "Meta", strings.Repeat("m", MaxMeta))), true},
		{"a user's", []byte{8, 0x80}, false},
		{"compressed", []byte{9, 0x80}, false},
		{"encrypted", []byte{10, 0x80}, false},
		{"compound in compound", []byte{typeCompound, 1, 0, 2, typeCompound, 0}, false},
		{"compound of one", append([]byte{typeCompound, 1, 0, byte(len(good))}, good...), true},
		{"compound of nothing", []byte{typeCompound, 1, 0, 0}, false},
		{"a part too long", []byte{typeCompound, 1, 0, 9, typeAck}, false},
		{"a wrong checksum", append([]byte{typeCRC, 1, 2, 3, 4}, good...), false},
	}
	for _, row := range rows {
		if err := newTestScreen(1).packet(row.b); (err == nil) != row.ok {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}

// What passes the screen can be passed on, in a packet of several messages.
func TestObjectsFitPackets(t *testing.T) {
	const several = 2 + 2 // the type and the number of messages, and the length of one
	if size := several + 1 + maxObject; size > transport.MaxDatagram-unaccounted {
		t.Errorf("a message takes %d bytes of a packet, which has %d", size, transport.MaxDatagram-unaccounted)
	}
}

func TestScreenOfStreams(t *testing.T) {
	node := encode("Name", "one", "State", 0)
	list := func(nodes, more int) []byte { return encode("Nodes", nodes, "UserStateLen", more, "Join", 1) }
	rows := []struct {
		name string
		b    []byte
		ok   bool
	}{
		{"a ping", message(typePing, encode("SeqNo", 1)), true},
		{"an error", message(typeError, encode("Error", "no")), true},
		{"an empty list", message(typeState, list(0, 0)), true},
		{"as many nodes as are allowed", message(typeState, list(2, 0), node, node), true},
		{"a node too many", message(typeState, list(3, 0), node, node, node), false},
		{"a node that does not come", message(typeState, list(2, 0), node), false},
		{"a node that is too large", message(typeState, list(2, 0), node, sized(maxObject+1)), false},
		{"data of a user", message(typeState, list(0, 1), []byte{0}), false},
		{"a user's", message(8, encode()), false},
		{"compressed", message(9, encode()), false},
		{"encrypted", message(10, encode()), false},
		{"a packet's", message(typeAlive, encode()), false},
	}
	for _, row := range rows {
		got, err := newTestScreen(2).stream(bytes.NewReader(row.b))
		if (err == nil) != row.ok || row.ok && !bytes.Equal(got, row.b) {
			t.Errorf("%s: %v, %d of %d bytes passed", row.name, err, len(got), len(row.b))
		}
	}
}

// Who is said to leave: by itself, or in a list.
func TestWhoLeaves(t *testing.T) {
	id := transport.PeerID{1}
	one, other := id.String(), transport.PeerID{2}.String()
	goes := message(typeDead, encode("Node", one, "From", one, "Incarnation", 1))
	packet := func(b []byte) func(*screen) error { return func(s *screen) error { return s.packet(b) } }
	listed := func(state int) func(*screen) error {
		b := message(typeState, encode("Nodes", 1), encode("Name", one, "State", state))
		return func(s *screen) error {
			_, err := s.stream(bytes.NewReader(b))
			return err
		}
	}
	rows := []struct {
		name    string
		screen  func(*screen) error
		ok, hit bool
	}{
		{"it says so", packet(goes), true, true},
		{"another one says that it is dead", packet(message(typeDead, encode("Node", one, "From", other))), true, false},
		{"it says so in a message that is cut off", packet(goes[:len(goes)-1]), false, false},
		{"listed as alive", listed(0), true, false},
		{"listed as a suspect", listed(1), true, false},
		{"listed as dead", listed(2), true, false},
		{"listed as having left", listed(stateLeft), true, true},
	}
	for _, row := range rows {
		var left []transport.PeerID
		s := &screen{maxNodes: 1, leaves: func(id transport.PeerID) { left = append(left, id) }}
		err := row.screen(s)
		hit := slices.Equal(left, []transport.PeerID{id})
		if (err == nil) != row.ok || hit != row.hit || !hit && left != nil {
			t.Errorf("%s: %v, %v leave", row.name, err, left)
		}
	}
}
