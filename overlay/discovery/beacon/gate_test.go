package beacon

import (
	"bytes"
	"encoding/binary"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/transport"
)

func mustAddr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestTheGateBelievesWhatIsNewAndOurs(t *testing.T) {
	self, sealer := transport.PeerID{9}, NewSealer(ours)
	at := func(id byte, d time.Duration) []byte {
		b := sample()
		b.ID, b.Time = transport.PeerID{id}, noon.Add(d)
		return sealer.Seal(b)
	}
	replayed := at(1, 0)
	g := newGate(self, sealer)
	for _, row := range []struct {
		name   string
		packet []byte
		want   error
	}{
		{"the first", replayed, nil},
		{"replayed", replayed, ErrRepeated},
		{"older than the first", at(1, -time.Second), ErrRepeated},
		{"as old, with another nonce", at(1, 0), ErrRepeated},
		{"newer", at(1, time.Millisecond), nil},
		{"of another node, older", at(2, -time.Minute), nil},
		{"its clock is ahead", at(3, Window), nil},
		{"its clock is too far ahead", at(4, Window+time.Millisecond), ErrTime},
		{"its clock is behind", at(5, -Window), nil},
		{"old", at(6, -Window-time.Millisecond), ErrTime},
		{"from here", at(9, time.Second), ErrOwn},
		{"of another network", NewSealer(other).Seal(sample()), ErrSeal},
	} {
		if _, err := g.admit(noon, row.packet); !errors.Is(err, row.want) || (err == nil) != (row.want == nil) {
			t.Errorf("%s: %v, want %v", row.name, err, row.want)
		}
	}
}

// Members can make up nodes: what is remembered of them is bounded, and what is forgotten
// first is what could not be replayed.
func TestTheGateRemembersABoundedNumber(t *testing.T) {
	sealer := NewSealer(ours)
	g := newGate(transport.PeerID{9}, sealer)
	hear := func(n int, at time.Time) {
		b := sample()
		b.Time = at
		binary.BigEndian.PutUint32(b.ID[:], uint32(n))
		if _, err := g.admit(at, sealer.Seal(b)); err != nil {
			t.Fatal(err)
		}
	}
	for n := range maxHeard {
		hear(n, noon)
	}
	hear(maxHeard, noon.Add(time.Second))
	if len(g.heard) != maxHeard {
		t.Errorf("%d nodes are remembered, want %d", len(g.heard), maxHeard)
	}
	hear(maxHeard+1, noon.Add(Window+2*time.Millisecond))
	if len(g.heard) != 2 {
		t.Errorf("%d nodes are remembered, want the 2 whose beacons are still good", len(g.heard))
	}
}

// Packets that are ignored get one line a minute, with their number and kinds.
func TestIgnoredPacketsGetALineAMinute(t *testing.T) {
	var out bytes.Buffer
	i := ignored{log: slog.New(slog.NewTextHandler(&out, nil))}
	from := netip.MustParseAddrPort("192.0.2.1:16180")
	for n := range 90_000 { // one a millisecond
		err := ErrSeal
		switch {
		case n%3 == 1:
			err = ErrSize
		case n%3 == 2:
			err = ErrRepeated // no reason to say anything
		}
		i.note(noon.Add(time.Duration(n)*time.Millisecond), from, err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "addr=192.0.2.1 unsealed=1") ||
		!strings.Contains(lines[1], "unsealed=20000 wrong_size=20000") {
		t.Errorf("got %d lines:\n%s", len(lines), out.String())
	}
}
