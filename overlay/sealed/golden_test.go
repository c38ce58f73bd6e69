package sealed

import (
	"bytes"
	"encoding/hex"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/project-iris/iris/transport"
)

// vector is what testdata/packet.txt has: all that makes a packet, and the packet.
type vector struct {
	secret                 [32]byte
	from, to               transport.PeerID
	epoch, counter         uint64
	key                    []byte // derived of the secret
	nonce, payload, packet []byte
}

func readVector(tb testing.TB) (v vector) {
	tb.Helper()
	page, err := os.ReadFile("testdata/packet.txt")
	if err != nil {
		tb.Fatal(err)
	}
	fields := make(map[string]string)
	for line := range strings.Lines(string(page)) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), " "); found && name != "#" {
			fields[name] = strings.TrimSpace(value)
		}
	}
	octets := func(name string) []byte {
		b, err := hex.DecodeString(fields[name])
		if err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
		return b
	}
	number := func(name string) uint64 {
		n, err := strconv.ParseUint(fields[name], 10, 64)
		if err != nil {
			tb.Fatalf("%s: %v", name, err)
		}
		return n
	}
	return vector{
		secret: [32]byte(octets("secret")), from: transport.PeerID(octets("from")), to: transport.PeerID(octets("to")),
		epoch: number("epoch"), counter: number("counter"),
		key: octets("key"), nonce: octets("nonce"), payload: octets("payload"), packet: octets("packet"),
	}
}

// sealWith seals a packet with a nonce and counter that are given.
func sealWith(tb testing.TB, from transport.PeerID, secret [32]byte, epoch uint64, to transport.PeerID, nonce []byte, counter uint64, payload []byte) []byte {
	tb.Helper()
	b, err := New(Config{Self: from, Epoch: epoch, Secrets: [][32]byte{secret}})
	if err != nil {
		tb.Fatal(err)
	}
	data := additional(to)
	return b.seal(append([]byte{version}, nonce...), 0, data[:], counter, payload)
}

// TestTheFormat holds the format against a packet that was made once. To change it is to
// change its version.
func TestTheFormat(t *testing.T) {
	v := readVector(t)
	if got := sealWith(t, v.from, v.secret, v.epoch, v.to, v.nonce, v.counter, v.payload); !bytes.Equal(got, v.packet) {
		t.Errorf("the packet is\n%x, not\n%x", got, v.packet)
	}
	from, payload, err := newBox(t, v.to, v.secret).Open(bytes.Clone(v.packet))
	if err != nil || from != v.from || !bytes.Equal(payload, v.payload) {
		t.Errorf("the packet opens as %x from %s, %v", payload, from, err)
	}
}

// TestTheFormatIsAsDocumented opens the packet by the table of the package comment, without
// this package's code.
func TestTheFormatIsAsDocumented(t *testing.T) {
	v := readVector(t)
	aead, err := chacha20poly1305.NewX(v.key)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := aead.Open(nil, v.packet[1:25], v.packet[25:], append([]byte{0x21}, v.to[:]...))
	if err != nil {
		t.Fatal(err)
	}
	want := append(v.from[:], 0x17, 0x97, 0x9c, 0xfe, 0x36, 0x2a, 0x00, 0x00) // 1,700,000,000 s
	want = append(want, 0, 0, 0, 0, 0, 0, 0x01, 0x02)                         // 258
	if want = append(want, v.payload...); v.packet[0] != 0x21 || !bytes.Equal(plain, want) {
		t.Errorf("sealed is %x, want %x", plain, want)
	}
}
