package choose_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/choose"
	"github.com/project-iris/iris/transport/mem"
)

// dead returns a list of n hosts, by both transports, all before the last of which are
// silent.
func (w *world) dead(n int) string {
	var list []string
	for i := range n - 1 {
		list = append(list, fmt.Sprintf("quic://dead%d", i), fmt.Sprintf("tcp://dead%d", i))
	}
	return strings.Join(append(list, "quic://b", "tcp://b"), ",")
}

// TestTheLastOfManyAddressesIsReachedSoon has all hosts but the last one silent, and then
// the preferred transport blocked there as well.
func TestTheLastOfManyAddressesIsReachedSoon(t *testing.T) {
	for _, row := range []struct {
		hosts        int
		quic, silent time.Duration // with the preferred transport, and without
	}{
		{1, 0, 250 * time.Millisecond},
		{2, 250 * time.Millisecond, 500 * time.Millisecond},
		{5, time.Second, 1250 * time.Millisecond},
		{16, time.Second, 1250 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, mem.Config{})
			w.a.quic.silent, w.a.tcp.silent = "dead", "dead"
			if took, _, _, err := w.dial(t, w.dead(row.hosts)); err != nil || took > row.quic || took < row.quic-time.Millisecond {
				t.Errorf("the last of %d hosts is reached after %v, error %v; want %v", row.hosts, took, err, row.quic)
			}
			w.a.quic.blocked.Store(true)
			if took, _, _, err := w.dial(t, w.dead(row.hosts)); err != nil || took > row.silent || took < row.silent-time.Millisecond {
				t.Errorf("without UDP the last of %d hosts is reached after %v, error %v; want %v", row.hosts, took, err, row.silent)
			}
		})
	}
}

// TestAListCausesFewDials has more addresses than anybody needs, which another node can
// tell of itself, and one of them again and again.
func TestAListCausesFewDials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, mem.Config{})
		list := strings.Repeat("nobody,", 100)
		if _, quic, tcp, err := w.dial(t, list); err == nil || quic != 1 || tcp != 1 {
			t.Errorf("one address: %d and %d attempts, error %v", quic, tcp, err)
		}
		for i := range 100 {
			list += fmt.Sprintf("nobody%d,", i)
		}
		if _, quic, tcp, err := w.dial(t, list); err == nil || quic+tcp != 48 {
			t.Errorf("101 addresses: %d and %d attempts, error %v", quic, tcp, err)
		}
	})
}

// TestAddressesAreArranged has a node that knows which addresses are its own.
func TestAddressesAreArranged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mem.NewNetwork(mem.Config{})
		var asked []string
		arrange := func(addrs []string) []string {
			asked = addrs
			return slices.DeleteFunc(slices.Clone(addrs), func(addr string) bool { return addr == "mem://own" })
		}
		chooser, err := choose.New(choose.Config{Transports: []transport.Transport{network.Node(transport.PeerID{1})}, Arrange: arrange})
		if err != nil {
			t.Fatal(err)
		}
		defer chooser.Close()
		if _, err := chooser.Dial(t.Context(), "own", transport.PeerID{}); !errors.Is(err, transport.ErrSelf) {
			t.Errorf("the own address: %v", err)
		}
		if _, err := chooser.Dial(t.Context(), "own,nobody,other://x", transport.PeerID{}); !errors.Is(err, transport.ErrNetwork) || errors.Is(err, transport.ErrSelf) {
			t.Errorf("the own address and another one: %v", err)
		}
		if want := []string{"mem://own", "mem://nobody"}; !slices.Equal(asked, want) {
			t.Errorf("it is asked about %v, want %v", asked, want)
		}
	})
}
