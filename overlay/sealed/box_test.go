package sealed

import (
	"bytes"
	"errors"
	"sync"
	"testing"

	"github.com/project-iris/iris/transport"
)

var (
	alice, bob, carol = transport.PeerID{1}, transport.PeerID{2}, transport.PeerID{3}
	ours, newer       = [32]byte{7}, [32]byte{8}
)

// newBox returns a node's side in its first epoch.
func newBox(tb testing.TB, self transport.PeerID, secrets ...[32]byte) *Box {
	tb.Helper()
	b, err := New(Config{Self: self, Epoch: 1, Secrets: secrets})
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func mustSeal(tb testing.TB, b *Box, to transport.PeerID, payload string) []byte {
	tb.Helper()
	packet, err := b.Seal(nil, to, []byte(payload))
	if err != nil {
		tb.Fatal(err)
	}
	return packet
}

// expectOpen opens a copy of a packet.
func expectOpen(t *testing.T, what string, b *Box, packet []byte, want error) {
	t.Helper()
	if _, _, err := b.Open(bytes.Clone(packet)); err != want {
		t.Errorf("%s: %v; want %v", what, err, want)
	}
}

func TestPacketsArrive(t *testing.T) {
	a, b := newBox(t, alice, ours), newBox(t, bob, ours)
	for _, size := range []int{0, 1, 500, MaxPayload} {
		payload := bytes.Repeat([]byte{0xab}, size)
		packet, err := a.Seal([]byte("before"), bob, payload)
		if err != nil || !bytes.HasPrefix(packet, []byte("before")) {
			t.Fatalf("seal %d bytes: %q, %v", size, packet, err)
		}
		packet = packet[len("before"):]
		if err := transport.CheckPacket(packet); err != nil || len(packet) != size+Overhead {
			t.Errorf("%d bytes became a packet of %d: %v", size, len(packet), err)
		}
		from, got, err := b.Open(packet)
		if err != nil || from != alice || !bytes.Equal(got, payload) {
			t.Errorf("open %d bytes: %d from %s, %v", size, len(got), from.Short(), err)
		}
		if cap(got) != size || size > 0 && &got[0] != &packet[openSize] {
			t.Errorf("the payload of %d bytes is not a part of the packet", size)
		}
	}
	if _, err := a.Seal(nil, bob, make([]byte, MaxPayload+1)); !errors.Is(err, ErrPayload) {
		t.Errorf("a payload that is too long: %v", err)
	}
	if stats := a.Stats(); stats.Sealed != 4 {
		t.Errorf("%+v", stats)
	}
	if stats := b.Stats(); stats.Opened != 4 || stats.Senders != 1 {
		t.Errorf("%+v", stats)
	}
}

// TestPacketsTellNothing compares two packets of the same content.
func TestPacketsTellNothing(t *testing.T) {
	sender := transport.PeerID(bytes.Repeat([]byte("id"), 16))
	a := newBox(t, sender, ours)
	one, other := mustSeal(t, a, bob, "content"), mustSeal(t, a, bob, "content")
	same := 0
	for i := range one {
		if one[i] == other[i] {
			same++
		}
	}
	if same > len(one)/8 {
		t.Errorf("%d of %d bytes are alike", same, len(one))
	}
	if bytes.Contains(one, []byte("idid")) || bytes.Contains(one, []byte("content")) {
		t.Error("the id or the content can be read")
	}
}

// TestAlteredPacketsAreRefused changes each byte and cuts at each place. What fails leaves
// the packet as it was, and the good one opens after all that.
func TestAlteredPacketsAreRefused(t *testing.T) {
	a, b := newBox(t, alice, ours), newBox(t, bob, newer, ours)
	good := mustSeal(t, a, bob, "payload")
	for i := range good {
		altered := bytes.Clone(good)
		altered[i] ^= 1 << (i % 8)
		want, before := ErrSeal, bytes.Clone(altered)
		if i == 0 {
			want = ErrVersion
		}
		if _, payload, err := b.Open(altered); err != want || payload != nil || !bytes.Equal(altered, before) {
			t.Errorf("altered in byte %d: %q, %v; want %v", i, payload, err, want)
		}
		want = ErrSeal
		if i < Overhead {
			want = ErrLength
		}
		expectOpen(t, "cut", b, good[:i], want)
	}
	expectOpen(t, "a byte more", b, append(bytes.Clone(good), 0), ErrSeal)
	expectOpen(t, "nothing", b, nil, ErrLength)
	expectOpen(t, "too long", b, make([]byte, transport.MaxPacket+1), ErrLength)
	expectOpen(t, "zeros", b, make([]byte, transport.MaxPacket), ErrVersion)
	if stats := b.Stats(); stats.Senders != 0 || stats.WrongVersion != 2 || stats.WrongLength != uint64(Overhead+2) || stats.WrongSeal != uint64(len(good)+len("payload")) {
		t.Errorf("%+v", stats)
	}
	expectOpen(t, "as it was sealed", b, good, nil)
}

func TestOthersDoNotOpenAPacket(t *testing.T) {
	a := newBox(t, alice, ours)
	packet := mustSeal(t, a, bob, "for Bob")
	expectOpen(t, "another node", newBox(t, carol, ours), packet, ErrSeal)
	expectOpen(t, "the sender", a, packet, ErrSeal)
	expectOpen(t, "another network", newBox(t, bob, newer), packet, ErrSeal)
	expectOpen(t, "the receiver", newBox(t, bob, ours), packet, nil)
}

// TestSecretsAreRotated goes through the states of two nodes, one after the other.
func TestSecretsAreRotated(t *testing.T) {
	a, b := newBox(t, alice, ours), newBox(t, bob, ours)
	for _, row := range []struct {
		name string
		box  *Box
		to   [][32]byte
		want error // of a packet from Alice to Bob
	}{
		{"the receiver takes both", b, [][32]byte{ours, newer}, nil},
		{"the sender takes both, and seals with the new one", a, [][32]byte{newer, ours}, nil},
		{"the receiver drops the old one", b, [][32]byte{newer}, nil},
		{"the sender goes back to the old one", a, [][32]byte{ours, newer}, ErrSeal},
	} {
		old := mustSeal(t, a, bob, "before")
		if err := row.box.SetSecrets(row.to); err != nil {
			t.Fatal(err)
		}
		expectOpen(t, row.name, b, mustSeal(t, a, bob, "after"), row.want)
		if row.box == a {
			expectOpen(t, row.name+", one under way", b, old, nil)
		}
	}
	if stats := b.Stats(); stats.OtherSecret != 1 {
		t.Errorf("%+v", stats)
	}
}

func TestBadConfigurations(t *testing.T) {
	one := [][32]byte{ours}
	for name, config := range map[string]Config{
		"no id":            {Epoch: 1, Secrets: one},
		"no epoch":         {Self: alice, Secrets: one},
		"no secrets":       {Self: alice, Epoch: 1},
		"too many secrets": {Self: alice, Epoch: 1, Secrets: make([][32]byte, MaxSecrets+1)},
		"fewer than none":  {Self: alice, Epoch: 1, Secrets: one, MaxSenders: -1},
	} {
		if b, err := New(config); !errors.Is(err, ErrConfig) || b != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	a, b := newBox(t, alice, ours), newBox(t, bob, ours)
	if err := b.SetSecrets(nil); !errors.Is(err, ErrConfig) {
		t.Errorf("no secrets: %v", err)
	}
	expectOpen(t, "after a bad change", b, mustSeal(t, a, bob, ""), nil)
}

// TestReplaysAreRefused has packets come in another order, again, and too late.
func TestReplaysAreRefused(t *testing.T) {
	a, b := newBox(t, alice, ours), newBox(t, bob, ours)
	var sent [][]byte
	for range Window + 2 {
		sent = append(sent, mustSeal(t, a, bob, ""))
	}
	expectOpen(t, "the second", b, sent[1], nil)
	expectOpen(t, "the first", b, sent[0], nil)
	expectOpen(t, "the first again", b, sent[0], ErrReplayed)
	expectOpen(t, "the last", b, sent[Window+1], nil)
	expectOpen(t, "the last again", b, sent[Window+1], ErrReplayed)
	expectOpen(t, "the last in the window", b, sent[2], nil)
	expectOpen(t, "one behind it", b, sent[1], ErrTooOld)
	if stats := b.Stats(); stats.Opened != 4 || stats.Replayed != 2 || stats.TooOld != 1 {
		t.Errorf("%+v", stats)
	}
}

// TestOlderEpochsAreRefused has a sender start again, and packets of before come.
func TestOlderEpochsAreRefused(t *testing.T) {
	b := newBox(t, bob, ours)
	old := newBox(t, alice, ours)
	again, err := New(Config{Self: alice, Epoch: 2, Secrets: [][32]byte{ours}})
	if err != nil {
		t.Fatal(err)
	}
	recorded := mustSeal(t, old, bob, "")
	expectOpen(t, "before", b, mustSeal(t, old, bob, ""), nil)
	first := mustSeal(t, again, bob, "")
	expectOpen(t, "the first after", b, first, nil)
	expectOpen(t, "the first after, again", b, first, ErrReplayed)
	expectOpen(t, "one of before", b, recorded, ErrOldEpoch)
	expectOpen(t, "the second after", b, mustSeal(t, again, bob, ""), nil)
	if stats := b.Stats(); stats.OldEpoch != 1 || stats.Senders != 1 {
		t.Errorf("%+v", stats)
	}
}

// TestOneBoxServesMany seals, opens and rotates at once: each packet opens once.
func TestOneBoxServesMany(t *testing.T) {
	a, b := newBox(t, alice, ours, newer), newBox(t, bob, ours, newer)
	const workers, each = 4, Window / 8
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for range each {
				packet, err := a.Seal(nil, bob, []byte("content"))
				if err != nil {
					t.Error(err)
				}
				if _, _, err := b.Open(bytes.Clone(packet)); err != nil {
					t.Errorf("open: %v", err)
				}
				if _, _, err := b.Open(packet); err != ErrReplayed {
					t.Errorf("open again: %v", err)
				}
			}
		})
	}
	for _, secrets := range [][][32]byte{{newer, ours}, {ours, newer}} {
		group.Go(func() { _ = a.SetSecrets(secrets) })
		group.Go(func() { _ = b.SetSecrets(secrets) })
	}
	group.Wait()
	if stats := b.Stats(); stats.Opened != workers*each || stats.Replayed != workers*each {
		t.Errorf("%+v", stats)
	}
}
