package lookup

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/balance"
	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// host is a node of a network of lookups, whose messages take a millisecond.
type host struct {
	*Lookup
	t       *testing.T
	self    transport.PeerID
	network map[transport.PeerID]*host
	deaf    atomic.Bool // it hears nothing

	mu      sync.Mutex
	resumed []uint64 // tokens
}

func (h *host) Resume(r *names.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.resumed = append(h.resumed, r.Token)
}

func (h *host) Send(to transport.PeerID, m wire.Message) {
	if there := h.network[to]; !there.deaf.Load() {
		time.AfterFunc(time.Millisecond, func() { there.Step(directory.Received{From: h.self, Message: m}) })
	}
}

func (h *host) Members() *directory.Members {
	var all []directory.Member
	for id := range h.network {
		all = append(all, directory.Member{ID: id, Epoch: 1})
	}
	return directory.NewMembers(all...)
}

func (h *host) Sweep() {}

// member is a member that takes everything.
type member struct {
	room names.Room
	load int64
}

func (m *member) Load() int64            { return m.load }
func (m *member) Take()                  { m.load++ }
func (m *member) Cost(time.Time) float64 { return 0 }

func (m *member) Measured(time.Time) balance.Measured { return balance.Measured{} }
func (m *member) Room() *names.Room                   { return &m.room }
func (m *member) Open(uint64) bool                    { return true }

// route leads nowhere.
type route struct{ nodes int }

func (r *route) Move(nodes []transport.PeerID) { r.nodes = len(nodes) }
func (r *route) Close()                        {}

// start starts so many hosts, until the test ends.
func start(t *testing.T, n int) []*host {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	network := make(map[transport.PeerID]*host)
	var hosts []*host
	for i := range n {
		h := &host{t: t, self: transport.PeerID{byte(i + 1)}, network: network}
		bounds := names.Config{
			Hasher: directory.NewHasher([32]byte{}), Linked: func(transport.PeerID) bool { return true }, Want: func(transport.PeerID) {}, Draw: func(int) int { return 0 },
			Route:     func(nodes []transport.PeerID) names.Route { return &route{len(nodes)} },
			HeldBytes: 100, Topics: 10, TopicBytes: 100,
		}
		h.Lookup = New(Config{Names: bounds, Owner: h, Self: h.self, Epoch: 1})
		network[h.self] = h
		hosts = append(hosts, h)
	}
	var running sync.WaitGroup
	for _, h := range hosts {
		running.Go(func() { h.Run(ctx) })
	}
	t.Cleanup(func() {
		cancel()
		running.Wait()
		time.Sleep(time.Second)
	})
	time.Sleep(time.Second)
	return hosts
}

// What waits goes on when somebody comes: a request, a tunnel, and a sender, from another node.
func TestWhoWaitsGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := start(t, 2)
		here, there := hosts[0], hosts[1]
		caller, service := new(member), new(member)
		if err := here.Attach(caller, ""); err != nil {
			t.Fatal(err)
		}
		a := names.Attempt{Token: 7, Cluster: []byte("service"), Body: []byte("hello"), Deadline: time.Now().Add(time.Minute)}
		if _, verdict := here.PickOrHold(time.Now(), caller, &a); verdict != names.Held {
			t.Fatalf("a request to nobody: %v", verdict)
		}
		picked := make(chan names.Target)
		go func() {
			to, err := here.Pick(t.Context(), caller, []byte("service"), &names.Refusals{Anyway: true}, func() error { return nil })
			if err != nil {
				t.Error(err)
			}
			picked <- to
		}()
		time.Sleep(time.Second)
		if err := there.Attach(service, "service"); err != nil {
			t.Fatal(err)
		}
		if to := <-picked; to.Node != there.self {
			t.Errorf("a tunnel goes to %v", to)
		}
		synctest.Wait()
		if len(here.resumed) != 1 || here.resumed[0] != 7 {
			t.Errorf("resumed %v", here.resumed)
		}
		to, _ := here.Route(t.Context(), caller, wire.KindBroadcast, []byte("service"))
		if r := to.(*route); r.nodes != 1 {
			t.Errorf("a broadcast goes to %d nodes", r.nodes)
		}
		here.Drain()
		if _, verdict := here.PickOrHold(time.Now(), caller, &names.Attempt{Cluster: []byte("nobody")}); verdict != names.Draining {
			t.Errorf("a request while the node drains: %v", verdict)
		}
	})
}

// Nobody waits longer than he wants to, nor where the owner says no.
func TestWaitsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		here := start(t, 2)[0]
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		yes := func() error { return nil }
		if _, err := here.Pick(ctx, nil, []byte("nobody"), &names.Refusals{}, yes); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a tunnel to nobody: %v", err)
		}
		no := errors.New("no")
		if _, err := here.Pick(t.Context(), nil, []byte("nobody"), &names.Refusals{}, func() error { return no }); !errors.Is(err, no) {
			t.Errorf("a tunnel that the owner refuses: %v", err)
		}
		if s := here.Stats(); s.Waiting != 0 {
			t.Errorf("%d still wait", s.Waiting)
		}
	})
}

// A registration is confirmed after a round trip, or after half a second without an answer.
func TestConfirmation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := start(t, 3)
		takes := func(name string) (time.Duration, bool) {
			began := time.Now()
			hosts[0].Attach(new(member), name)
			ok := hosts[0].AwaitConfirmation(t.Context())
			return time.Since(began), ok
		}
		if took, ok := takes("first"); !ok || took > 5*time.Millisecond {
			t.Errorf("confirmed %v, after %v", ok, took)
		}
		hosts[2].deaf.Store(true)
		if took, ok := takes("second"); ok || took != confirmTimeout {
			t.Errorf("confirmed %v, after %v", ok, took)
		}
		hosts[0].directoryLock.Lock()
		defer hosts[0].directoryLock.Unlock()
		if n := len(hosts[0].confirmations.waiting); n != 0 {
			t.Errorf("%d still wait", n)
		}
	})
}
