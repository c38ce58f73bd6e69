package beacon

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
)

func TestWhatIsAroundAnAddress(t *testing.T) {
	for _, row := range []struct {
		own   string
		count int
		first []string
		last  string
	}{
		{"192.168.1.10/24", 253, []string{"192.168.1.11", "192.168.1.9", "192.168.1.12"}, "192.168.1.254"},
		{"10.0.0.1/30", 1, []string{"10.0.0.2"}, "10.0.0.2"},
		{"10.0.0.7/32", 253, []string{"10.0.0.8", "10.0.0.6"}, "10.0.0.254"},
		{"10.1.2.3/8", 1021, []string{"10.1.2.4", "10.1.2.2"}, "10.1.0.1"},
		{"100.64.9.9/24", 253, []string{"100.64.9.10"}, "100.64.9.254"},
		{"172.31.255.254/20", 1021, []string{"172.31.255.253"}, "172.31.252.1"},
		{"8.8.8.8/24", 0, nil, ""},
		{"127.0.0.1/8", 0, nil, ""},
		{"169.254.1.1/16", 0, nil, ""},
		{"fd00::1/64", 0, nil, ""},
	} {
		all := around([]netip.Prefix{netip.MustParsePrefix(row.own)})
		var text []string
		for _, a := range all {
			text = append(text, a.String())
		}
		if len(all) != row.count || !slices.Equal(text[:len(row.first)], row.first) || row.count > 0 && text[len(text)-1] != row.last {
			t.Errorf("around %s: %d addresses, %v…; want %d, %v… to %s", row.own, len(all), text[:min(3, len(text))], row.count, row.first, row.last)
		}
		own := netip.MustParsePrefix(row.own)
		if slices.Contains(all, own.Addr()) || own.Addr().Is4() && slices.Contains(all, lastOf(own)) {
			t.Errorf("around %s: the own address or the broadcast address is probed", row.own)
		}
	}
}

func TestFewNetworksAreSweptAndEachOnce(t *testing.T) {
	var own []netip.Prefix
	for i := range 10 {
		own = append(own, netip.MustParsePrefix(fmt.Sprintf("10.%d.0.1/16", i)), netip.MustParsePrefix(fmt.Sprintf("10.%d.0.2/16", i)))
	}
	if n := len(around(own)); n != maxSweeps*1021 {
		t.Errorf("%d addresses, want %d", n, maxSweeps*1021)
	}
}
