package quic

import (
	"bytes"
	"testing"

	"github.com/project-iris/iris/transport/identity/identitytest"
)

func TestSoundings(t *testing.T) {
	network := identitytest.NewNetwork(t, "soundings")
	seal, stranger := newSealer(network.Node(t)), newSealer(identitytest.NewNetwork(t, "soundings").Node(t))
	rows := []sounding{
		{soundingQuestion, basePacket, 1, 0},
		{soundingQuestion, maxPacket, 1 << 63, 14},
		{soundingQuestion, soundingSize, 2, 255},
		{soundingAnswer, maxPacket, 1<<64 - 1, 7},
	}
	for _, row := range rows {
		b := seal.append([]byte("before"), row, 0)[len("before"):]
		want := soundingSize
		if row.kind == soundingQuestion {
			want = row.size
		}
		if len(b) != want || b[0]>>6 != 0 {
			t.Errorf("%+v is %d bytes, want %d, beginning with %#x", row, len(b), want, b[0])
		}
		if got, key, ok := seal.parse(b); !ok || key != 0 || got != row {
			t.Errorf("%+v is read as %+v, key %d, %v", row, got, key, ok)
		}
		for n := range b {
			if _, _, ok := seal.parse(b[:n]); ok {
				t.Errorf("%+v cut to %d bytes is taken", row, n)
			}
		}
		if _, _, ok := seal.parse(append(bytes.Clone(b), 0)); ok {
			t.Errorf("%+v with a byte more is taken", row)
		}
		for i := range soundingSize {
			forged := bytes.Clone(b)
			forged[i] ^= 1
			if _, _, ok := seal.parse(forged); ok {
				t.Errorf("%+v with a changed byte %d is taken", row, i)
			}
		}
		if _, _, ok := stranger.parse(b); ok {
			t.Errorf("%+v is taken by another network", row)
		}
	}
}

// TestASoundingOfAnyAcceptedKeyIsTaken has two keys, as while one follows another.
func TestASoundingOfAnyAcceptedKeyIsTaken(t *testing.T) {
	keys := sealer{{1}, {2}}
	b := sealer{{2}}.append(nil, sounding{soundingQuestion, basePacket, 1, 0}, 0)
	if _, key, ok := keys.parse(b); !ok || key != 1 {
		t.Errorf("key %d, %v", key, ok)
	}
}

func FuzzSounding(f *testing.F) {
	seal := sealer{{1}}
	f.Add(seal.append(nil, sounding{soundingQuestion, basePacket, 1, 0}, 0))
	f.Add(seal.append(nil, sounding{soundingAnswer, basePacket, 1, 0}, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		one, _, ok := seal.parse(b)
		if !ok {
			return
		}
		if again, _, ok := seal.parse(seal.append(nil, one, 0)); !ok || again != one {
			t.Errorf("%+v is read as %+v, %v", one, again, ok)
		}
	})
}
