package membership

import (
	"bytes"
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
		isProbe(b)
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
		{"too many fields", []byte{typeAck, 0xde, 0x00, 0x11}, false},
		{"a user's", []byte{8}, false},
		{"compressed", []byte{9}, false},
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
