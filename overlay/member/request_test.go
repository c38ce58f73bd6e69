package member

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/transport/budget"
)

// A member may leave after it was picked and before it is asked. That is no
// refusal: the request goes on to the next, however many have left.
func TestMembersThatLeaveBetweenPickAndAsk(t *testing.T) {
	o := newNode(names.Config{})
	caller := o.attach(t, "")
	for range names.MaxRefusals + 1 {
		leaving := o.attach(t, "service")
		leaving.left.Store(true)
	}
	last := o.attach(t, "service")
	last.echoes = true
	caller.ask(1, "service", "hello")
	caller.saw("1: reply hello")
	last.saw("request hello")
	o.checkIdle(t)
	o.Close()
	o.checkEmpty(t)
}

func TestAMemberThatIsGoneWhenItIsAsked(t *testing.T) {
	for name, end := range map[string]func(*Member){"it left": (*Member).Withdraw, "it was closed": (*Member).Close} {
		t.Run(name, func(t *testing.T) {
			o := newNode(names.Config{})
			defer o.Close()
			caller, service := o.attach(t, ""), o.attach(t, "service")
			deadline := time.Now().Add(time.Minute)
			picked, _ := o.lookup.PickHere([]byte("service"), &names.Refusals{})
			to := picked.Member.(local)
			if to.Member != service.Member || to.load.Load() != 1 {
				t.Fatalf("picked %v", to)
			}
			end(service.Member)
			if err := to.serve(time.Now(), local{caller.Member}, 0, nil, deadline, nil); !errors.Is(err, errLeft) {
				t.Errorf("serve = %v", err)
			}
			service.saw()
			o.checkIdle(t)
		})
	}
}

// As with requests: to leave is not to refuse.
func TestATunnelOutlivesMembersThatLeave(t *testing.T) {
	o := newNode(names.Config{})
	caller := o.attach(t, "")
	for range names.MaxRefusals + 1 {
		leaving := o.attach(t, "service")
		leaving.left.Store(true)
	}
	last := o.attach(t, "service")
	near, err := caller.Tunnel(t.Context(), []byte("service"))
	if err != nil {
		t.Fatal(err)
	}
	near.Close()
	last.saw("tunnel")
	o.checkIdle(t)
	o.Close()
	o.checkEmpty(t)
}

// Who may serve no more names is refused, and leaves nothing of the name that it wanted to serve.
func TestAMemberThatIsRefusedLeavesNothing(t *testing.T) {
	o := newNode(names.Config{Hasher: directory.NewHasher([32]byte{}), Served: 1})
	o.attach(t, "one")
	for _, name := range []string{"two", "three"} {
		if m, err := o.Attach([]byte(name), &app{t: t}); !errors.Is(err, budget.ErrRefused) {
			t.Errorf("%s: attached %v, %v", name, m, err)
		}
	}
	if served, _ := o.Served(); len(served) != 1 || len(o.All()) != 1 {
		t.Errorf("%d clusters of %d members are counted, want one of one", len(served), len(o.All()))
	}
	o.Close()
	o.checkEmpty(t)
}

// Requests take memory where they are open and where they are in hand: one that finds none is
// answered with the limit, others go on, and all is given back.
func TestRequestsTakeMemory(t *testing.T) {
	n := newNode(names.Config{})
	n.limits.OpenRequests = 1 << 16
	n.memory = budget.New(budget.Config{Name: "bytes", Limit: 1 << 20, Greed: 7})
	service, caller, other := n.attach(t, "svc"), n.attach(t, ""), n.attach(t, "")
	refused := ""
	for id := uint64(0); refused == ""; id++ {
		caller.Request(id, []byte("svc"), nil, time.Hour)
		caller.mu.Lock()
		for _, s := range caller.seen {
			if strings.Contains(s, "bytes of this node") {
				refused = s
			}
		}
		caller.mu.Unlock()
		if id > 2000 {
			t.Fatal("nothing is refused")
		}
	}
	if s := n.memory.Stats(); s.Used == 0 || s.Used > s.Limit || s.Over != 0 {
		t.Errorf("%+v", s)
	}
	other.Request(0, []byte("svc"), nil, time.Hour)
	if got := len(other.seen); got != 0 {
		t.Errorf("another one is told %v", other.seen)
	}
	for _, a := range []*app{caller, other, service} {
		a.Close()
	}
	if used := n.memory.Stats().Used; used != 0 {
		t.Errorf("%d bytes are taken of no requests", used)
	}
}
