package quic_test

import (
	"testing"
	"time"

	"github.com/project-iris/iris/quic"
	"github.com/project-iris/iris/transport/identity/identitytest"
	"github.com/project-iris/iris/transport/transporttest"
)

func TestPackets(t *testing.T) {
	network := identitytest.NewNetwork(t, "packets")
	rows := []struct {
		name, addr string
		noGRO      bool
	}{{"IPv4", "127.0.0.1:0", false}, {"IPv6 without GRO", "[::1]:0", true}}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			transporttest.RunPackets(t, func(t *testing.T) transporttest.Pair {
				a, b := network.Node(t), network.Node(t)
				change := func(c *quic.Config) {
					c.NoGRO = row.noGRO
					c.IdleTimeout = time.Minute // a flood on a busy machine leaves a link little time
				}
				return transporttest.Pair{
					A: newTransport(t, a, change), B: newTransport(t, b, change), AID: a.ID(), BID: b.ID(), Address: row.addr,
				}
			})
		})
	}
}
