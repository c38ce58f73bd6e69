package names

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/budget"
)

// greedyNames are those of a node with so many names.
func greedyNames(t *testing.T, served, asked int64) (*world, *Names) {
	w := &world{t: t, now: start}
	return w, New(Config{
		Hasher: hasher, Linked: func(transport.PeerID) bool { return true }, Want: func(transport.PeerID) {}, Draw: func(int) int { return 0 },
		Route:     func([]transport.PeerID) Route { return &route{} },
		HeldBytes: 1 << 20, Topics: 1 << 16, TopicBytes: 1 << 20, Served: served, Asked: asked,
	})
}

// join adds a member that takes what it is given.
func join(t *testing.T, n *Names, cluster string) *member {
	t.Helper()
	m := &member{node: &node{world: &world{}}, name: cluster}
	if _, err := n.Attach(m, cluster); err != nil {
		t.Fatal(err)
	}
	return m
}

func wantConsistent(t *testing.T, n *Names) {
	t.Helper()
	if text := n.inconsistency(); text != "" {
		t.Error(text)
	}
}

// A member that subscribes to all that it can leaves names for others, is told the limit, and
// all that it had is there for others when it has gone.
func TestOneMemberDoesNotTakeAllNames(t *testing.T) {
	_, n := greedyNames(t, 1000, 1000)
	greedy := join(t, n, "")
	var refused error
	for i := 0; refused == nil; i++ {
		refused = n.Subscribe(greedy, fmt.Sprint("greedy ", i))
	}
	if !errors.Is(refused, ErrTooManyTopics) || !errors.Is(refused, budget.ErrRefused) {
		t.Errorf("it is told %q", refused)
	}
	if n.Stats().ServedFull != 1 {
		t.Errorf("%d refusals are counted", n.Stats().ServedFull)
	}
	for i := range 4 {
		m := join(t, n, fmt.Sprint("honest ", i))
		for j := range nameShare - 5 {
			if err := n.Subscribe(m, fmt.Sprint("honest ", i, j)); err != nil {
				t.Fatalf("honest %d, topic %d: %v", i, j, err)
			}
		}
	}
	shared := "greedy 0"
	next := join(t, n, "next")
	if err := n.Subscribe(next, shared); err != nil {
		t.Error(err)
	}
	wantConsistent(t, n)
	n.Detach(greedy)
	wantConsistent(t, n)
	if len(n.topics[shared].members) != 1 {
		t.Error("the topic that both had is gone with the one")
	}
	for i := range 500 {
		if err := n.Subscribe(next, fmt.Sprint("next ", i)); err != nil {
			t.Fatalf("when it has gone, topic %d: %v", i, err)
		}
	}
	wantConsistent(t, n)
}

// When no name is left at all, a service is refused with the reason, and nothing is left of it.
func TestAServiceIsRefusedWhenAllNamesAreTaken(t *testing.T) {
	_, n := greedyNames(t, 8, 8)
	for i := range 8 {
		join(t, n, fmt.Sprint("service ", i))
	}
	if _, err := n.Attach(&member{}, "late"); !errors.Is(err, budget.ErrRefused) {
		t.Errorf("it is told %v", err)
	}
	join(t, n, "service 0") // which is a name that there is
	wantConsistent(t, n)
	if n.clusters["late"] != nil || len(n.accounts) != 9 {
		t.Error("something of it is left")
	}
}

// A member whose requests wait for names that nobody serves leaves names for the requests of
// others, is told the limit, and all is there for others when it has gone.
func TestOneMemberDoesNotAskAllNames(t *testing.T) {
	w, n := greedyNames(t, 1000, 1000)
	ask := func(m *member, token uint64, name string) (Verdict, error) {
		a := Attempt{Token: token, Cluster: []byte(name), Deadline: w.now.Add(time.Hour)}
		_, verdict := n.PickOrHold(w.now, open{m}, &a)
		return verdict, a.Limit
	}
	greedy := joinAsking(t, n)
	var limit error
	for i := uint64(0); ; i++ {
		verdict, err := ask(greedy, i, fmt.Sprint("greedy ", i))
		if verdict != Held {
			limit = err
			break
		}
	}
	if !errors.Is(limit, budget.ErrRefused) {
		t.Errorf("it is told %v", limit)
	}
	for i := range 3 {
		honest := joinAsking(t, n)
		for j := range uint64(nameShare) {
			if verdict, err := ask(honest, j, fmt.Sprint("honest ", i, j)); verdict != Held || err != nil {
				t.Fatalf("request %d of honest %d: verdict %v, %v", j, i, verdict, err)
			}
		}
	}
	wantConsistent(t, n)
	n.Detach(open{greedy})
	wantConsistent(t, n)
	next := joinAsking(t, n)
	for i := range uint64(400) {
		if verdict, err := ask(next, i, fmt.Sprint("next ", i)); verdict != Held {
			t.Fatalf("when it has gone, request %d: verdict %v, %v", i, verdict, err)
		}
	}
	wantConsistent(t, n)
	if n.Stats().PlacesFull == 0 {
		t.Error("no refusal is counted")
	}
}

// open is a member all of whose requests are open.
type open struct{ *member }

func (open) Open(uint64) bool { return true }

func joinAsking(t *testing.T, n *Names) *member {
	t.Helper()
	m := &member{node: &node{world: &world{}}}
	if _, err := n.Attach(open{m}, ""); err != nil {
		t.Fatal(err)
	}
	return m
}

// Names and requests that wait take memory by their bytes, whoever pays for them, are refused
// where there is none, and give all of it back.
func TestNamesTakeMemory(t *testing.T) {
	memory := budget.New(budget.Config{Name: "bytes", Limit: 4 << 20, Greed: 7})
	_, n := greedyNames(t, 0, 0)
	n.config.Memory, n.config.TopicBytes = memory, 16<<20
	n.gone = n.newAccount("")
	used := func() int64 { return memory.Stats().Used }
	first, second := join(t, n, ""), join(t, n, "")
	long := strings.Repeat("x", 60<<10)
	for _, m := range []Member{first, second} {
		for i := range 4 {
			if err := n.Subscribe(m, fmt.Sprint(long, i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	once := used()
	if once < 240<<10 || once > 384<<10 {
		t.Errorf("4 names of 60 KiB take %d bytes", once)
	}
	n.Detach(first)
	if used() != once {
		t.Errorf("they take %d bytes when the next member pays for them, %d before", used(), once)
	}
	n.Detach(second)
	if used() != 0 {
		t.Errorf("%d bytes are taken of no names", used())
	}
	greedy := join(t, n, "")
	var refused error
	for i := 0; refused == nil; i++ {
		refused = n.Subscribe(greedy, fmt.Sprint(long, i))
	}
	if !errors.Is(refused, budget.ErrRefused) || !errors.Is(refused, ErrTooManyTopics) || !strings.Contains(refused.Error(), "4194304 bytes") {
		t.Errorf("one without memory is told %q", refused)
	}
	if err := n.Subscribe(join(t, n, ""), "short"); err != nil {
		t.Errorf("a short name of another one: %v", err)
	}
	for i := range 100 { // those that nobody waits for make room
		n.ToSubscribers(greedy, fmt.Append(nil, long, "place", i))
	}
	if s := memory.Stats(); s.Used > s.Limit || s.Over != 0 {
		t.Errorf("%+v", s)
	}
	n.Detach(greedy)
	for range 2 {
		n.Sweep()
	}
	if used() != 0 {
		t.Errorf("%d bytes are taken when all names are gone", used())
	}
	// What waits counts with its body.
	asking := open{joinAsking(t, n)}
	for token := range uint64(4) {
		a := Attempt{Token: token, Cluster: []byte("nobody"), Body: make([]byte, 200<<10), Deadline: start.Add(time.Hour)}
		if _, verdict := n.PickOrHold(start, asking, &a); verdict != Held {
			t.Fatalf("request %d: %v", token, verdict)
		}
	}
	if used() < 800<<10 {
		t.Errorf("%d bytes are taken of 800 KiB that wait", used())
	}
	wantConsistent(t, n)
	n.Detach(asking)
	for range 2 {
		n.Sweep()
	}
	if used() != 0 {
		t.Errorf("%d bytes are taken when nothing waits", used())
	}
}

// What has changed is told of a bounded number of names at once, and of each of them.
func TestManyChangesAreToldInParts(t *testing.T) {
	_, n := greedyNames(t, 0, 0)
	m := join(t, n, "")
	for i := range 5000 {
		if err := n.Subscribe(m, fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	told := make(map[Name]bool)
	for n.Dirty() {
		events := n.Changes()
		if len(events) > 2048 {
			t.Fatalf("%d events at once", len(events))
		}
		for _, e := range events {
			if e, ok := e.(directory.Register); ok {
				told[e.Name] = true
			}
		}
	}
	if len(told) != 5000 || n.large {
		t.Errorf("%d of 5000 names are told, and what held them is kept: %v", len(told), n.large)
	}
}
