package transport_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/project-iris/iris/transport"
)

func TestPeerIDsAreText(t *testing.T) {
	id := transport.PeerID{0xab, 31: 0x01}
	text := "ab" + strings.Repeat("00", 30) + "01"
	if id.String() != text || id.Short() != "ab000000" || id.IsZero() || !(transport.PeerID{}).IsZero() {
		t.Errorf("%s, %s, %v", id, id.Short(), id.IsZero())
	}
	back, err := transport.ParsePeerID(text)
	if err != nil || back != id {
		t.Errorf("parsed %s: %v", back, err)
	}
	for _, bad := range []string{"", "ab", text + "00", strings.Repeat("zz", 32), text[1:]} {
		if got, err := transport.ParsePeerID(bad); err == nil {
			t.Errorf("%q parsed as %s", bad, got)
		}
	}
	encoded, err := json.Marshal(map[transport.PeerID]transport.PeerID{id: id})
	if err != nil {
		t.Fatal(err)
	}
	var decoded map[transport.PeerID]transport.PeerID
	if err := json.Unmarshal(encoded, &decoded); err != nil || decoded[id] != id {
		t.Errorf("%s decoded as %v: %v", encoded, decoded, err)
	}
}

func TestAddressesCarryTheirScheme(t *testing.T) {
	rows := []struct{ full, scheme, addr string }{
		{"quic://10.0.0.1:14142", "quic", "10.0.0.1:14142"},
		{"tcp://[::1]:1", "tcp", "[::1]:1"},
		{"10.0.0.1:14142", "", "10.0.0.1:14142"},
		{"", "", ""},
	}
	for _, row := range rows {
		scheme, addr := transport.SplitAddr(row.full)
		if scheme != row.scheme || addr != row.addr {
			t.Errorf("%q: %q and %q", row.full, scheme, addr)
		}
		if scheme != "" && transport.JoinAddr(scheme, addr) != row.full {
			t.Errorf("%q is not put together again", row.full)
		}
	}
}
