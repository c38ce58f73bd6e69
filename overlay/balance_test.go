package overlay

import (
	"slices"
	"testing"
	"time"
)

// asked returns how many requests each application was given, and forgets them.
func asked(apps []*app) []int {
	counts := make([]int, len(apps))
	for i, a := range apps {
		a.mu.Lock()
		counts[i] = len(a.requests)
		a.requests = nil
		a.mu.Unlock()
	}
	return counts
}

func TestRequestsGoToTheMemberWithTheFewestInHand(t *testing.T) {
	o := New(Config{})
	defer o.Close()
	caller := attach(t, o, "")
	services := []*app{attach(t, o, "service"), attach(t, o, "service"), attach(t, o, "service")}
	for id := range uint64(9) {
		caller.ask(id, "service", "", time.Minute)
	}
	for range 2 {
		services[1].answer(0, true, "")
		services[1].requests = services[1].requests[1:]
	}
	if got := asked(services); !slices.Equal(got, []int{3, 1, 3}) {
		t.Fatalf("in hand are %d, want 3, 1, 3", got)
	}
	caller.ask(10, "service", "", time.Minute)
	caller.ask(11, "service", "", time.Minute)
	if got := asked(services); !slices.Equal(got, []int{0, 2, 0}) {
		t.Errorf("the next two went to %d, want 0, 2, 0", got)
	}
}

func TestASlowMemberGetsLittle(t *testing.T) {
	o := New(Config{})
	defer o.Close()
	caller := attach(t, o, "")
	services := []*app{attach(t, o, "service"), attach(t, o, "service", echoing), attach(t, o, "service", echoing)}
	for id := range uint64(101) {
		caller.ask(id, "service", "", time.Minute)
	}
	if got := asked(services); !slices.Equal(got, []int{1, 50, 50}) {
		t.Errorf("the slow one and the others got %d, want 1, 50, 50", got)
	}
}

func TestTiesGoRound(t *testing.T) {
	for members := 1; members <= 5; members++ {
		o := New(Config{})
		caller := attach(t, o, "")
		services := make([]*app, members)
		for i := range services {
			services[i] = attach(t, o, "service", echoing)
		}
		for id := range uint64(10 * members) {
			caller.ask(id, "service", "", time.Minute)
		}
		for _, n := range asked(services) {
			if n != 10 {
				t.Errorf("one of %d idle members got %d requests, want 10", members, n)
			}
		}
		checkIdle(t, o)
		o.Close()
	}
}

func TestTunnelsCountAsLoad(t *testing.T) {
	o := New(Config{})
	defer o.Close()
	caller := attach(t, o, "")
	services := []*app{attach(t, o, "service", echoing), attach(t, o, "service", echoing)}
	near, err := caller.Tunnel(t.Context(), []byte("service"))
	if err != nil {
		t.Fatal(err)
	}
	if len(services[0].tunnels) != 1 {
		t.Fatal("the tunnel is not at the first")
	}
	for id := range uint64(10) {
		caller.ask(id, "service", "", time.Minute)
	}
	if got := asked(services); !slices.Equal(got, []int{0, 10}) {
		t.Errorf("with a tunnel at the first, requests went to %d", got)
	}
	near.Close()
	for id := range uint64(10) {
		caller.ask(id, "service", "", time.Minute)
	}
	if got := asked(services); !slices.Equal(got, []int{5, 5}) {
		t.Errorf("after the tunnel, requests went to %d", got)
	}
	checkIdle(t, o)
}
