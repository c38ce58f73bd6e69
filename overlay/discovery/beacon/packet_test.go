package beacon

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/project-iris/iris/transport"
)

var (
	noon  = time.UnixMilli(1_700_000_000_000)
	ours  = [32]byte{1}
	other = [32]byte{2}
)

func sample() Beacon {
	return Beacon{
		Kind: Announcement, Time: noon, ID: transport.PeerID{7}, Nodes: 3,
		Addresses: "quic://:14142,tcp://:14142,quic://10.0.0.1:14142,tcp://10.0.0.1:14142",
	}
}

// sealPlain seals any bytes, as a broken member might.
func sealPlain(t *testing.T, key [32]byte, plain []byte) []byte {
	t.Helper()
	aead, err := chacha20poly1305.NewX(key[:])
	if err != nil {
		t.Fatal(err)
	}
	nonce := make([]byte, nonceSize, PacketSize)
	return aead.Seal(nonce, nonce, plain, nil)
}

func TestPacketsCarryBeacons(t *testing.T) {
	s := NewSealer(ours)
	for _, b := range []Beacon{
		sample(),
		{Kind: Probe, Time: time.UnixMilli(0)},
		{Kind: Answer, Time: noon, ID: transport.PeerID{255, 31: 255}, Nodes: 1<<32 - 1, Addresses: strings.Repeat("x", MaxAddresses)},
	} {
		packet := s.Seal(b)
		if len(packet) != PacketSize {
			t.Errorf("%d bytes, want %d", len(packet), PacketSize)
		}
		if got, err := s.Open(packet); err != nil || got != b {
			t.Errorf("got %+v, %v; want %+v", got, err, b)
		}
	}
}

// Nothing in a packet is the same in another one, nor can be read.
func TestPacketsTellNothing(t *testing.T) {
	s := NewSealer(ours)
	a, b := s.Seal(sample()), s.Seal(sample())
	same := 0
	for i := range a {
		if a[i] == b[i] {
			same++
		}
	}
	if same > PacketSize/16 {
		t.Errorf("%d of %d bytes are alike in two packets of one beacon", same, PacketSize)
	}
	if bytes.Contains(a, []byte("14142")) {
		t.Error("the address can be read")
	}
}

// Of too many addresses the first are sent, whole ones.
func TestAddressesThatDoNotFitAreLeftOut(t *testing.T) {
	s := NewSealer(ours)
	long := strings.Repeat("quic://10.0.0.1:14142,", 60) + "end"
	b, err := s.Open(s.Seal(Beacon{Kind: Probe, Addresses: long}))
	if err != nil || !strings.HasPrefix(long, b.Addresses+",") || !strings.HasSuffix(b.Addresses, ":14142") {
		t.Errorf("got %q, %v", b.Addresses, err)
	}
	if got := fit(strings.Repeat("x", MaxAddresses+1)); got != "" {
		t.Errorf("an address that is too long became %q", got)
	}
}

func TestOldAndNewKeysOpenDuringARotation(t *testing.T) {
	before, during, after := NewSealer(ours), NewSealer(other, ours), NewSealer(other)
	if _, err := during.Open(before.Seal(sample())); err != nil {
		t.Errorf("the old key is not accepted: %v", err)
	}
	if _, err := after.Open(during.Seal(sample())); err != nil {
		t.Errorf("the first key does not seal: %v", err)
	}
	if _, err := after.Open(before.Seal(sample())); !errors.Is(err, ErrSeal) {
		t.Errorf("the old key is accepted after the rotation: %v", err)
	}
}

// Whatever is not a whole, unaltered packet of the network is ignored, and each one for
// its reason.
func TestHostilePackets(t *testing.T) {
	s := NewSealer(ours)
	good := s.Seal(sample())
	if _, err := s.Open(good); err != nil {
		t.Fatal(err)
	}
	plain := func(change func(b []byte)) []byte {
		b := make([]byte, plainSize)
		b[0], b[1] = version, byte(Announcement)
		change(b)
		return sealPlain(t, ours, b)
	}
	for _, row := range []struct {
		name   string
		packet []byte
		want   error
	}{
		{"nothing", nil, ErrSize},
		{"a byte too many", append(bytes.Clone(good), 0), ErrSize},
		{"zeros", make([]byte, PacketSize), ErrSeal},
		{"of another network", NewSealer(other).Seal(sample()), ErrSeal},
		{"sealed, and too short", sealPlain(t, ours, make([]byte, plainSize-1)), ErrSize},
		{"another version", plain(func(b []byte) { b[0] = 2 }), ErrVersion},
		{"kind 0", plain(func(b []byte) { b[1] = 0 }), ErrVersion},
		{"kind 4", plain(func(b []byte) { b[1] = 4 }), ErrVersion},
		{"more addresses than bytes", plain(func(b []byte) { b[46], b[47] = 0xff, 0xff }), ErrContent},
		{"one address byte too many", plain(func(b []byte) { b[46], b[47] = byte((MaxAddresses+1)>>8), byte((MaxAddresses+1)&0xff) }), ErrContent},
	} {
		if b, err := s.Open(row.packet); !errors.Is(err, row.want) || b != (Beacon{}) {
			t.Errorf("%s: got %+v, %v; want %v", row.name, b, err, row.want)
		}
	}
	for n := range good {
		if _, err := s.Open(good[:n]); !errors.Is(err, ErrSize) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
		altered := bytes.Clone(good)
		altered[n] ^= 1 << (n % 8)
		if _, err := s.Open(altered); !errors.Is(err, ErrSeal) {
			t.Fatalf("altered in byte %d: %v", n, err)
		}
	}
}

// What is ignored costs no memory.
func TestHostilePacketsAllocateNothing(t *testing.T) {
	s := NewSealer(ours, other)
	garbage := make([]byte, PacketSize)
	if n := testing.AllocsPerRun(100, func() { _, _ = s.Open(garbage) }); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(make([]byte, plainSize))
	s := NewSealer(ours)
	f.Fuzz(func(t *testing.T, plain []byte) {
		plain = append(plain, make([]byte, plainSize)...)[:plainSize]
		b, err := parse(plain)
		if err != nil {
			return
		}
		if again, err := s.Open(s.Seal(b)); err != nil || again.ID != b.ID || again.Nodes != b.Nodes || len(b.Addresses) > MaxAddresses {
			t.Errorf("%+v became %+v, %v", b, again, err)
		}
	})
}

func TestAddressesAreCompleted(t *testing.T) {
	for _, row := range []struct{ addresses, from, want string }{
		{"quic://:1,tcp://:2,quic://10.0.0.1:1", "192.0.2.1", "quic://192.0.2.1:1,tcp://192.0.2.1:2,quic://10.0.0.1:1"},
		{"quic://:1", "fe80::1%eth0", "quic://[fe80::1%eth0]:1"},
		{"quic://:1,quic://10.0.0.1:1", "fe80::1%eth0", "quic://10.0.0.1:1,quic://[fe80::1%eth0]:1"},
		{"quic://:1", "::ffff:192.0.2.1", "quic://192.0.2.1:1"},
		{"quic://[fe80::1]:1,quic://10.0.0.1:1", "fe80::2%eth0", "quic://10.0.0.1:1,quic://[fe80::1%eth0]:1"},
		{"quic://[fe80::1%theirs]:1", "192.0.2.1", "quic://[fe80::1]:1"},
		{"quic://:1,quic://10.0.0.1:1", "0.0.0.0", "quic://10.0.0.1:1"},
		{"quic://:1", "0.0.0.0", ""},
		{"plugin://any thing", "192.0.2.1", "plugin://any thing"},
	} {
		if got := complete(row.addresses, mustAddr(row.from)); got != row.want {
			t.Errorf("%s from %s: got %s, want %s", row.addresses, row.from, got, row.want)
		}
	}
}
