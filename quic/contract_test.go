package quic_test

import (
	"log/slog"
	"testing"

	"github.com/project-iris/iris/quic"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
	"github.com/project-iris/iris/transport/identity/identitytest"
	"github.com/project-iris/iris/transport/transporttest"
)

func newTransport(tb testing.TB, node *identity.Identity, changes ...func(*quic.Config)) *quic.Transport {
	tb.Helper()
	config := quic.Config{Identity: node, Logger: slog.New(slog.DiscardHandler)}
	for _, change := range changes {
		change(&config)
	}
	t, err := quic.New(config)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = t.Close() })
	return t
}

func TestContract(t *testing.T) {
	network := identitytest.NewNetwork(t, "contract")
	rows := []struct {
		name, addr string
		noGRO      bool
	}{{"IPv4", "127.0.0.1:0", false}, {"IPv6 without GRO", "[::1]:0", true}}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			transporttest.Run(t, func(t *testing.T) transporttest.Pair {
				a, b := network.Node(t), network.Node(t)
				change := func(c *quic.Config) { c.NoGRO = row.noGRO }
				return transporttest.Pair{
					A: newTransport(t, a, change), B: newTransport(t, b, change), AID: a.ID(), BID: b.ID(),
					Address: row.addr, Buffered: quic.DefaultStreamWindow + 64<<10,
				}
			})
		})
	}
}

func TestVersions(t *testing.T) {
	transporttest.RunVersions(t, func(t *testing.T, a, b transport.Versions, log *slog.Logger) transporttest.Pair {
		network := identitytest.NewNetwork(t, "versions")
		one, two := network.Node(t), network.Node(t)
		return transporttest.Pair{
			A:   newTransport(t, one, func(c *quic.Config) { c.Versions = a }),
			B:   newTransport(t, two, func(c *quic.Config) { c.Versions, c.Logger = b, log }),
			AID: one.ID(), BID: two.ID(), Address: "127.0.0.1:0",
		}
	})
}
