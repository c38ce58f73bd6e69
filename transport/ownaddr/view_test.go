package ownaddr

import (
	"strings"
	"testing"
)

func TestArrange(t *testing.T) {
	eth0 := iface("eth0", "default", "192.168.7.1/24", "2001:db8::1/64", "fe80::1/64")
	docker := iface("docker0", "inner", "172.17.0.1/16", "fe80::d/64")
	everywhere := []string{"quic://[::]:14142", "tcp://[::]:14143"}
	for _, row := range []struct {
		name      string
		host      []Interface
		listening []string
		in, want  string
	}{
		{
			"own addresses are not dialled",
			[]Interface{lo, docker, eth0},
			everywhere,
			"quic://172.17.0.1:14142 tcp://172.17.0.1:14143 quic://192.168.7.1:14142 quic://127.0.0.1:14142 quic://127.9.9.9:14142 " +
				"quic://[::1]:14142 quic://[fe80::1]:14142 quic://[fe80::1%eth0]:14142 quic://0.0.0.0:14142 quic://[::ffff:172.17.0.1]:14142", "",
		},
		{
			"other nodes of this host are",
			[]Interface{lo, docker, eth0},
			everywhere,
			"quic://192.168.7.1:27182 tcp://192.168.7.1:14142 quic://127.0.0.1:27182",
			"quic://192.168.7.1:27182 tcp://192.168.7.1:14142 quic://127.0.0.1:27182",
		},
		{
			"bound to one address, the others are not its own",
			[]Interface{lo, eth0},
			[]string{"quic://127.0.0.1:14142"},
			"quic://192.168.7.1:14142 quic://127.0.0.1:14142", "quic://192.168.7.1:14142",
		},
		{
			"bound to a link-local address",
			[]Interface{lo, eth0},
			[]string{"quic://[fe80::1%eth0]:14142"},
			"quic://[fe80::1]:14142", "",
		},
		{
			"a shared network first, that of an own bridge last",
			[]Interface{lo, docker, eth0},
			everywhere,
			"quic://172.17.0.9:14142 quic://10.0.0.9:14142 quic://192.168.7.9:14142 quic://[2001:db8::9]:14142",
			"quic://192.168.7.9:14142 quic://[2001:db8::9]:14142 quic://10.0.0.9:14142 quic://172.17.0.9:14142",
		},
		{
			"names and what plugins have stay",
			[]Interface{lo, eth0},
			everywhere,
			"quic://host:14142 websocket://wss://gate.example/iris", "quic://host:14142 websocket://wss://gate.example/iris",
		},
		{
			"link-local: this host's interfaces, bridges if there is nothing else",
			[]Interface{lo, docker, iface("eth1", "fe80::2/64"), eth0},
			everywhere,
			"quic://[fe80::9]:14142 tcp://10.0.0.9:14143", "tcp://10.0.0.9:14143 quic://[fe80::9%eth0]:14142 quic://[fe80::9%eth1]:14142",
		},
		{"link-local: bridges", []Interface{lo, docker}, everywhere, "quic://[fe80::9]:14142", "quic://[fe80::9%docker0]:14142"},
		{"link-local: no interface", []Interface{lo}, everywhere, "quic://[fe80::9]:14142 quic://10.0.0.9:14142", "quic://10.0.0.9:14142"},
		{
			"link-local: the interface is known, or needs not be",
			[]Interface{lo, eth0},
			everywhere,
			"quic://[fe80::9%eth5]:14142 quic://169.254.0.9:14142", "quic://[fe80::9%eth5]:14142 quic://169.254.0.9:14142",
		},
		{
			"link-local: not on all of many",
			[]Interface{
				iface("a", "fe80::a/64"), iface("b", "fe80::b/64"), iface("c", "fe80::c/64"), iface("d", "fe80::d/64"), iface("e", "fe80::e/64"),
			},
			everywhere,
			"quic://[fe80::9]:1", "quic://[fe80::9%a]:1 quic://[fe80::9%b]:1 quic://[fe80::9%c]:1 quic://[fe80::9%d]:1",
		},
	} {
		got := strings.Join(View{row.host, row.listening}.Arrange(strings.Fields(row.in)), " ")
		if got != row.want {
			t.Errorf("%s: %s is dialled as\n%s, want\n%s", row.name, row.in, got, row.want)
		}
	}
}
