package node

import (
	"net/netip"
	"testing"
)

func TestAdvertise(t *testing.T) {
	host := []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("2001:db8::1")}
	for _, row := range []struct{ listening, want, beacons string }{
		{"quic://127.0.0.1:14142", "quic://127.0.0.1:14142", "quic://127.0.0.1:14142"},
		{
			"quic://[::]:1,tcp://[::]:2", "quic://10.0.0.1:1,tcp://10.0.0.1:2,quic://[2001:db8::1]:1,tcp://[2001:db8::1]:2",
			"quic://:1,tcp://:2,quic://10.0.0.1:1,tcp://10.0.0.1:2,quic://[2001:db8::1]:1,tcp://[2001:db8::1]:2",
		},
		{"tcp://0.0.0.0:7", "tcp://10.0.0.1:7,tcp://[2001:db8::1]:7", "tcp://:7,tcp://10.0.0.1:7,tcp://[2001:db8::1]:7"},
		{
			"tcp://192.0.2.1:7,quic://[::]:8", "tcp://192.0.2.1:7,quic://10.0.0.1:8,quic://[2001:db8::1]:8",
			"quic://:8,tcp://192.0.2.1:7,quic://10.0.0.1:8,quic://[2001:db8::1]:8",
		},
		{"quic://[fe80::1%eth0]:7", "quic://[fe80::1]:7", "quic://[fe80::1]:7"},
		{"websocket://wss://gate.example/iris", "websocket://wss://gate.example/iris", "websocket://wss://gate.example/iris"},
	} {
		got := advertise(row.listening, host)
		if got != row.want {
			t.Errorf("listening at %s is advertised as %s, want %s", row.listening, got, row.want)
		}
		if got := withOrigin(row.listening, got); got != row.beacons {
			t.Errorf("listening at %s is in beacons as %s, want %s", row.listening, got, row.beacons)
		}
	}
}
