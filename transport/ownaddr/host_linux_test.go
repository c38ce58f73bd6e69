package ownaddr

import (
	"strings"
	"testing"
)

func TestDefaultRoutes(t *testing.T) {
	for _, row := range []struct {
		line   string
		parse  func([]string) (string, int, bool)
		name   string
		metric int
	}{
		{"Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT", route4, "", 0},
		{"eth0 00000000 010200C0 0003 0 0 100 00000000 0 0 0", route4, "eth0", 100},
		{"eth0 00000000 00000000 0001 0 0 0 00000080 0 0 0", route4, "", 0},
		{"eth0 000200C0 00000000 0001 0 0 0 00FFFFFF 0 0 0", route4, "", 0},
		{"* 00000000 00000000 0200 0 0 0 00000000 0 0 0", route4, "", 0},
		{"eth0 00000000", route4, "", 0},
		{"", route4, "", 0},
		{strings.Repeat("0", 32) + " 00 " + strings.Repeat("0", 32) + " 00 fd000000000000000000000000000001 00000400 00000002 00000000 00000003 eth0", route6, "eth0", 1024},
		{strings.Repeat("0", 32) + " 00 " + strings.Repeat("0", 32) + " 00 " + strings.Repeat("0", 32) + " ffffffff 00000001 00000000 00200200 lo", route6, "", 0},
		{"fd" + strings.Repeat("0", 30) + " 40 " + strings.Repeat("0", 32) + " 00 " + strings.Repeat("0", 32) + " 00000100 00000001 00000000 00000001 eth0", route6, "", 0},
		{"", route6, "", 0},
	} {
		name, metric, ok := row.parse(strings.Fields(row.line))
		if ok != (row.name != "") || ok && (name != row.name || metric != row.metric) {
			t.Errorf("%q is a default route: %v, of %s with metric %d; want %q, %d", row.line, ok, name, metric, row.name, row.metric)
		}
	}
}

// The loopback interface is there on every host.
func TestInterfaces(t *testing.T) {
	host, err := Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range host {
		if i.Loopback && !i.Inner && !i.Default {
			return
		}
	}
	t.Errorf("no loopback interface among %+v", host)
}
