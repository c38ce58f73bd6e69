package choose

import (
	"slices"
	"strings"
	"testing"

	"github.com/project-iris/iris/transport"
)

// named is a transport that has a scheme, and does nothing.
type named struct {
	transport.Transport
	scheme string
}

func (n named) Scheme() string { return n.scheme }

// Whatever addresses other nodes tell, a bounded number is dialled, each once, in time, and as it was told.
func FuzzCandidates(f *testing.F) {
	for _, list := range []string{
		"b", "tcp://b", "carrier-pigeon://roof, tcp://b", "tcp://b, quic://b", "carrier-pigeon://roof", "",
		"quic://10.0.0.1:1,tcp://10.0.0.1:2,[fe80::1%eth0]:3", "://,quic://,:,[", strings.Repeat("tcp://a:1,b:2,", 40),
	} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		var c Transport
		c.config.Transports = []transport.Transport{named{scheme: "quic"}, named{scheme: "tcp"}}
		c.config.HeadStart = DefaultHeadStart
		c.config.Arrange = func(addrs []string) []string { return addrs }
		all, err := c.candidates(list)
		if (err == nil) != (len(all) > 0) || len(all) > maxCandidates {
			t.Fatalf("%d candidates, error %v", len(all), err)
		}
		if !slices.IsSortedFunc(all, func(a, b candidate) int { return int(a.at - b.at) }) {
			t.Errorf("they are out of time: %v", all)
		}
		dialled := make(map[string]bool)
		for _, one := range all {
			addr := transport.JoinAddr(one.transport.Scheme(), one.addr)
			if dialled[addr] || one.addr == "" || !strings.Contains(list, one.addr) {
				t.Errorf("%q is dialled", addr)
			}
			dialled[addr] = true
		}
	})
}
