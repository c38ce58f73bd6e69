package node

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/quic"
	"github.com/project-iris/iris/tcp"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
	"github.com/project-iris/iris/transport/identity/identitytest"
	"github.com/project-iris/iris/transport/logtest"
)

// realTransports are those that nodes use.
var realTransports = map[string]NewTransport{
	quic.Scheme: func(id *identity.Identity, versions transport.Versions, log *slog.Logger) (transport.Transport, error) {
		return quic.New(quic.Config{Identity: id, Versions: versions, Logger: log})
	},
	tcp.Scheme: func(id *identity.Identity, versions transport.Versions, log *slog.Logger) (transport.Transport, error) {
		return tcp.New(tcp.Config{Identity: id, Versions: versions, Logger: log}), nil
	},
}

// startAs starts a node on loopback that has an identity, and joins others.
func startAs(t *testing.T, network *identitytest.Network, id *identity.Identity, scheme string, log *logtest.Journal, change func(*Config)) *Node {
	t.Helper()
	config := Config{
		Network: network.Name, Key: network.Key, Port: AnyPort, Bind: "127.0.0.1:0",
		Transports: []NewTransport{realTransports[scheme]},
		Logger:     slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	change(&config)
	config, err := config.resolve()
	if err != nil {
		t.Fatal(err)
	}
	n, err := start(config, id)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n
}

// join has a node join others.
func join(others ...*Node) func(*Config) {
	return func(c *Config) {
		for _, n := range others {
			c.Join = append(c.Join, n.PeerAddr())
		}
	}
}

// await waits until something holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	limit := time.After(time.Minute)
	for !holds() {
		select {
		case <-look.C:
		case <-limit:
			t.Fatalf("there is still not %s", what)
		}
	}
}

// Two nodes have one id, as copies of one machine. The one that reaches the other says so,
// and its owner starts another one, which has a new id: then all are members.
func TestANodeGivesItsIDUpToACopy(t *testing.T) {
	for scheme := range realTransports {
		t.Run(scheme, func(t *testing.T) {
			network := identitytest.NewNetwork(t, "test")
			shared := network.Node(t)
			var logs [3]logtest.Journal
			first := startAs(t, network, shared, scheme, &logs[0], join())
			third := startAs(t, network, network.Node(t), scheme, &logs[1], join(first))
			await(t, "a network of two", func() bool { return len(first.Members().Members) == 1 })
			second := startAs(t, network, shared, scheme, &logs[2], join(first))
			<-second.Contested()
			said := logs[2].String()
			for _, want := range []string{"level=WARN", "another node has the id of this one", "127.0.0.1:", second.PeerAddr(), first.PeerAddr()} {
				if !strings.Contains(said, want) {
					t.Errorf("the log does not say %q:\n%s", want, said)
				}
			}
			select {
			case <-first.Contested():
				t.Errorf("the other one gives its id up as well:\n%s", logs[0].String())
			default:
			}
			second.Close()
			startAs(t, network, network.Node(t), scheme, &logs[2], join(first))
			await(t, "a network of three", func() bool {
				return len(first.Members().Members) == 2 && len(third.Members().Members) == 2
			})
		})
	}
}

// A node that reaches itself, as one does whose own name is among those that it joins,
// knows that.
func TestANodeThatReachesItselfIsNotContested(t *testing.T) {
	for scheme := range realTransports {
		t.Run(scheme, func(t *testing.T) {
			network := identitytest.NewNetwork(t, "test")
			var log logtest.Journal
			n := startAs(t, network, network.Node(t), scheme, &log, join())
			for range 20 {
				_, err := n.overlay.Network().Reach(t.Context(), n.PeerAddr(), transport.PeerID{}, "test")
				if err == nil || !strings.Contains(err.Error(), transport.ErrSelf.Error()) {
					t.Errorf("a node that reaches itself: %v", err)
				}
			}
			select {
			case <-n.Contested():
				t.Errorf("it takes itself for another:\n%s", log.String())
			default:
			}
		})
	}
}

// A node that does not know the time is refused by all. When it hears it, it has links
// soon, though its tries had become rare by then.
func TestANodeThatHearsTheTimeHasLinksSoon(t *testing.T) {
	network := identitytest.NewNetwork(t, "test")
	var logs [2]logtest.Journal
	first := startAs(t, network, network.Node(t), tcp.Scheme, &logs[0], join())
	var clock identitytest.Clock
	ahead := 50 * 365 * 24 * time.Hour
	clock.Set(-ahead)
	wrong := network.Node(t, func(c *identity.Config) { c.Now = clock.Now })
	second := startAs(t, network, wrong, tcp.Scheme, &logs[1], func(c *Config) {
		c.Discover = []string{"exec:echo " + strings.TrimPrefix(first.PeerAddr(), "tcp://")}
	})
	await(t, "a refusal", func() bool { return strings.Contains(logs[1].String(), "not valid yet") })
	clock.Set(ahead)
	second.clockJumped(ahead)
	await(t, "a link", func() bool { return len(second.Members().Members) == 1 })
	if !strings.Contains(logs[1].String(), "the clock has jumped") {
		t.Errorf("the log says nothing of the clock:\n%s", logs[1].String())
	}
}
