package node

import (
	"errors"
	"testing"
)

func TestAddressesToJoin(t *testing.T) {
	for addr, good := range map[string]bool{
		"10.0.0.1:14142": true, "host.example:1": true, "[2001:db8::1]:65535": true, "[fe80::1%eth0]:14142": true,
		"quic://10.0.0.1:14142": true, "websocket://wss://gate.example/iris": true,
		"": false, "host": false, "10.0.0.1": false, "host:": false, ":14142": false, "host:port": false, "host:0": false, "host:65536": false,
		"2001:db8::1": false, "2001:db8::1:14142": false, "quic://host": false, "://host:1": false, "quic://": false,
	} {
		if err := checkJoin([]string{"10.0.0.9:14142", addr}); errors.Is(err, ErrJoin) == good || err != nil == good {
			t.Errorf("%q: %v", addr, err)
		}
	}
}
