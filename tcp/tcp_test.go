package tcp_test

import (
	"log/slog"
	"testing"

	"github.com/project-iris/iris/tcp"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity/identitytest"
	"github.com/project-iris/iris/transport/transporttest"
)

// freshWindow is what a new stream takes before anybody reads, in bytes.
const freshWindow = 64 << 10

func TestConformance(t *testing.T) {
	for family, address := range map[string]string{"IPv4": "127.0.0.1:0", "IPv6": "[::1]:0"} {
		t.Run(family, func(t *testing.T) {
			transporttest.Run(t, func(t *testing.T) transporttest.Pair {
				network := identitytest.NewNetwork(t, "net")
				one, two := network.Node(t), network.Node(t)
				return transporttest.Pair{
					A: tcp.New(tcp.Config{Identity: one}), B: tcp.New(tcp.Config{Identity: two}),
					AID: one.ID(), BID: two.ID(),
					Address: address, Buffered: freshWindow,
				}
			})
		})
	}
}

func TestVersions(t *testing.T) {
	transporttest.RunVersions(t, func(t *testing.T, a, b transport.Versions, log *slog.Logger) transporttest.Pair {
		network := identitytest.NewNetwork(t, "net")
		one, two := network.Node(t), network.Node(t)
		return transporttest.Pair{
			A: tcp.New(tcp.Config{Identity: one, Versions: a}), B: tcp.New(tcp.Config{Identity: two, Versions: b, Logger: log}),
			AID: one.ID(), BID: two.ID(), Address: "127.0.0.1:0",
		}
	})
}
