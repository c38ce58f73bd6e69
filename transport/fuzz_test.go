package transport

import (
	"strings"
	"testing"
)

// FuzzPeerID: an id is read as it is written, and nothing else is one.
func FuzzPeerID(f *testing.F) {
	f.Add(PeerID{1, 2, 3}.String())
	f.Add(strings.Repeat("G", 64))
	f.Fuzz(func(t *testing.T, text string) {
		id, err := ParsePeerID(text)
		if err == nil && id.String() != strings.ToLower(text) {
			t.Errorf("%q is read as %v", text, id)
		}
	})
}
