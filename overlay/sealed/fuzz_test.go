package sealed

import (
	"bytes"
	"slices"
	"testing"

	"github.com/project-iris/iris/transport"
)

// FuzzOpen opens anything. What is accepted is one of the packets that were sealed for the
// receiver, whole.
func FuzzOpen(f *testing.F) {
	nonce := bytes.Repeat([]byte{9}, nonceSize)
	var sealed [][]byte
	for i, payload := range [][]byte{nil, []byte("payload"), make([]byte, MaxPayload)} {
		sealed = append(sealed, sealWith(f, alice, ours, 5, bob, nonce, uint64(i+1), payload))
	}
	foreign := [][]byte{
		sealWith(f, alice, ours, 5, carol, nonce, 1, []byte("for another")),
		sealWith(f, alice, [32]byte{99}, 5, bob, nonce, 1, []byte("of another network")),
		make([]byte, Overhead),
		{version},
		nil,
	}
	for _, packet := range slices.Concat(sealed, foreign) {
		f.Add(bytes.Clone(packet)) // Open writes into what it is given
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		b := newBox(t, bob, newer, ours)
		given := packet
		packet = bytes.Clone(packet)
		from, payload, err := b.Open(packet)
		genuine := false
		for _, one := range sealed {
			genuine = genuine || bytes.Equal(one, given)
		}
		switch {
		case (err == nil) != genuine:
			t.Errorf("opened with %v, sealed: %v", err, genuine)
		case err != nil && (!bytes.Equal(packet, given) || payload != nil || from != transport.PeerID{}):
			t.Errorf("refused, and told %q from %s", payload, from)
		case err == nil && (from != alice || len(payload) != len(given)-Overhead):
			t.Errorf("%d bytes from %s", len(payload), from)
		}
	})
}
