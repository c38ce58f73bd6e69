package node

import (
	"net/netip"
	"testing"
)

func TestAdvertise(t *testing.T) {
	host := []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("2001:db8::1")}
	for _, row := range []struct{ listening, want string }{
		{"quic://127.0.0.1:14142", "quic://127.0.0.1:14142"},
		{"quic://[::]:1,tcp://[::]:2", "quic://10.0.0.1:1,quic://[2001:db8::1]:1,tcp://10.0.0.1:2,tcp://[2001:db8::1]:2"},
		{"tcp://0.0.0.0:7", "tcp://10.0.0.1:7,tcp://[2001:db8::1]:7"},
		{"tcp://192.0.2.1:7,quic://[::]:8", "tcp://192.0.2.1:7,quic://10.0.0.1:8,quic://[2001:db8::1]:8"},
	} {
		if got := advertise(row.listening, host); got != row.want {
			t.Errorf("listening at %s is advertised as %s, want %s", row.listening, got, row.want)
		}
	}
}
