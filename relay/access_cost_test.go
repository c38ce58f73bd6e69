package relay

import (
	"net"
	"strings"
	"testing"

	"github.com/project-iris/iris/relay/accounts"
	"github.com/project-iris/iris/relay/peercred"
	"github.com/project-iris/iris/relay/policy"
)

// allowed is an application that may do something by the last of 101 rules.
func allowed(t testing.TB) *access {
	p, err := policy.Parse(strings.NewReader(strings.Repeat("deny user:1 * nothing*\n", 100)+"allow user:7 * svc* rate=1000000000\n"), accounts.Host{})
	if err != nil {
		t.Fatal(err)
	}
	r := New(Config{
		Policy:   p,
		Identify: func(net.Conn) (peercred.Peer, error) { return peercred.Peer{UID: 7}, nil },
		Groups:   func(uint32) ([]uint32, error) { return nil, nil },
	})
	near, far := net.Pipe()
	t.Cleanup(func() { near.Close(); far.Close() })
	s := newSession(r, near)
	if err := s.access.admit(nil); err != nil {
		t.Fatal(err)
	}
	return &s.access
}

func TestAVerdictThatIsRememberedTakesNoMemory(t *testing.T) {
	a, name := allowed(t), []byte("svc")
	n := testing.AllocsPerRun(1000, func() {
		if a.refuse(policy.Request, name) != nil {
			t.Fatal("it is refused")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations for each message", n)
	}
}

// BenchmarkVerdict is what a policy adds to each message, with a limit on the rate and without.
func BenchmarkVerdict(b *testing.B) {
	a, name := allowed(b), []byte("svc")
	b.ReportAllocs()
	for b.Loop() {
		a.refuse(policy.Request, name)
	}
}
