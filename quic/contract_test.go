package quic_test

import (
	"log/slog"
	"testing"

	"github.com/project-iris/iris/quic"
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
	rows := map[string]string{"IPv4": "127.0.0.1:0", "IPv6": "[::1]:0"}
	for name, addr := range rows {
		t.Run(name, func(t *testing.T) {
			transporttest.Run(t, func(t *testing.T) transporttest.Pair {
				a, b := network.Node(t), network.Node(t)
				return transporttest.Pair{
					A: newTransport(t, a), B: newTransport(t, b), AID: a.ID(), BID: b.ID(),
					Address: addr, Buffered: quic.DefaultStreamWindow + 64<<10,
				}
			})
		})
	}
}
