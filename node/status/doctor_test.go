package status_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/transport"
)

// Each fault has its finding, with what to do about it, and a network without a fault has none.
func TestDoctorFindsEachFault(t *testing.T) {
	a, b := transport.PeerID{0xa}, transport.PeerID{0xb}
	for _, row := range []struct {
		check, what string
		spoil       func(all *status.Network, n *status.Node)
	}{
		{"", "", func(*status.Network, *status.Node) {}},
		{"key file", "mode 0644", func(_ *status.Network, n *status.Node) { n.Host.KeyFiles[0].Mode = 0o644 }},
		{"key file", "cannot be read: denied", func(_ *status.Network, n *status.Node) { n.Host.KeyFiles[0].Error = "denied" }},
		{"descriptors", "may have 256", func(_ *status.Network, n *status.Node) { n.Host.Descriptors = 256 }},
		{"socket buffers", "425984 and 425984 bytes", func(_ *status.Network, n *status.Node) {
			n.Host.ReceiveBufferBytes, n.Host.SendBufferBytes = 425984, 425984
		}},
		{"ports", "not listening", func(_ *status.Network, n *status.Node) { n.Deaf = []string{"not listening"} }},
		{"ports", "does not reach 0b000000 at 10.0.0.2:1: refused", func(_ *status.Network, n *status.Node) {
			n.Host.Reached = []status.Reached{{Peer: b, Address: "10.0.0.2:1", Error: "refused"}}
		}},
		{"udp", "UDP is blocked", func(_ *status.Network, n *status.Node) { n.Links[0].Transport = "tcp" }},
		{"path mtu", "vanish on the way to 10.0.0.2", func(_ *status.Network, n *status.Node) { n.Host.NarrowPaths = []string{"10.0.0.2"} }},
		{"clock", "2h0m0s off", func(all *status.Network, _ *status.Node) { all.Nodes[1].ClockOffsetSeconds = 7200.2 }},
		{"clock", "-5m0s off", func(all *status.Network, _ *status.Node) { all.Nodes[1].ClockOffsetSeconds = -300 }},
		{"identity", "same id", func(_ *status.Network, n *status.Node) { n.Contested = true }},
		{"members", "refused 3", func(_ *status.Network, n *status.Node) {
			n.Members, n.Links, n.Host.Reached, n.Host.ToldOfOthers = nil, nil, nil, true
			n.Reasons = map[status.Reason]uint64{status.PeerRefused: 3}
		}},
		{"multicast", "no beacon of any", func(_ *status.Network, n *status.Node) { n.Host.BeaconsHeard = 0 }},
		{"answers", "says nothing: late", func(all *status.Network, _ *status.Node) {
			all.Unanswered = []status.Unanswered{{ID: transport.PeerID{0xc}, Reason: "late"}}
		}},
	} {
		t.Run(fmt.Sprint(row.check, " ", row.what), func(t *testing.T) {
			addrs := []string{"quic://10.0.0.2:1", "tcp://10.0.0.2:1"}
			all := &status.Network{Asked: a, Nodes: []status.Node{{
				ID: a, UptimeSeconds: 1000, Addresses: addrs,
				Members: []status.Member{{ID: b, Addresses: addrs}}, Links: []status.Link{{Peer: b, Transport: "quic"}},
				Host: status.Host{
					Descriptors: 65536, KeyFiles: []status.KeyFile{{Path: "/key", Mode: 0o600}}, ReceiveBufferBytes: 7 << 20, SendBufferBytes: 7 << 20,
					WantedBufferBytes: 7 << 20, Beacons: true, BeaconsHeard: 3, Reached: []status.Reached{{Peer: b}},
				},
			}, {ID: b}}}
			row.spoil(all, &all.Nodes[0])
			var bad []status.Finding
			seen := make(map[string]bool)
			for _, f := range all.Examine() {
				seen[f.Check] = true
				if !f.Good {
					bad = append(bad, f)
				}
			}
			for _, check := range status.Checks {
				if !seen[check] && check != "answers" && row.check != "members" {
					t.Errorf("%s was not looked at", check)
				}
			}
			switch {
			case row.check == "" && len(bad) > 0:
				t.Errorf("without a fault: %+v", bad)
			case row.check != "" && (len(bad) != 1 || bad[0].Check != row.check || !strings.Contains(bad[0].What, row.what) || bad[0].Do == ""):
				t.Errorf("found: %+v", bad)
			}
		})
	}
}
