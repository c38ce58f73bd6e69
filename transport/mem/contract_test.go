package mem_test

import (
	"testing"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
	"github.com/project-iris/iris/transport/transporttest"
)

func TestContract(t *testing.T) {
	rows := []struct {
		name   string
		config mem.Config
	}{
		{"instant", mem.Config{}},
		{"far", mem.Config{Path: mem.Path{Delay: 20 * time.Millisecond, Jitter: 10 * time.Millisecond, Loss: 0.05}}},
		{"thin", mem.Config{Path: mem.Path{Delay: time.Millisecond, Bandwidth: 100 << 20}}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			transporttest.RunVirtual(t, func(*testing.T) transporttest.Pair {
				network := mem.NewNetwork(row.config)
				a, b := transport.PeerID{1}, transport.PeerID{2}
				return transporttest.Pair{
					A: network.Node(a), B: network.Node(b), AID: a, BID: b,
					Address: "b", Buffered: 256 << 10,
				}
			})
		})
	}
}

func TestPackets(t *testing.T) {
	for name, path := range map[string]mem.Path{
		"instant": {},
		"far":     {Delay: 20 * time.Millisecond, Jitter: 10 * time.Millisecond, Loss: 0.05},
	} {
		t.Run(name, func(t *testing.T) {
			transporttest.RunPacketsVirtual(t, func(*testing.T) transporttest.Pair {
				network := mem.NewNetwork(mem.Config{Path: path})
				a, b := transport.PeerID{1}, transport.PeerID{2}
				return transporttest.Pair{A: network.Node(a), B: network.Node(b), AID: a, BID: b, Address: "b"}
			})
		})
	}
}

func TestContractInRealTime(t *testing.T) {
	transporttest.Run(t, func(*testing.T) transporttest.Pair {
		network := mem.NewNetwork(mem.Config{Path: mem.Path{Delay: 100 * time.Microsecond}})
		a, b := transport.PeerID{1}, transport.PeerID{2}
		return transporttest.Pair{
			A: network.Node(a), B: network.Node(b), AID: a, BID: b,
			Address: "b", Buffered: 256 << 10,
		}
	})
}

func TestVersions(t *testing.T) {
	transporttest.RunVersionsVirtual(t, func(_ *testing.T, a, b transport.Versions) transporttest.Pair {
		network := mem.NewNetwork(mem.Config{Path: mem.Path{Delay: time.Millisecond}, Versions: b})
		one, two := transport.PeerID{1}, transport.PeerID{2}
		return transporttest.Pair{A: network.NodeOf(one, a), B: network.Node(two), AID: one, BID: two, Address: "b"}
	})
}
