package discovery

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/logtest"
)

// network is one whose nodes are at known addresses and become members when they are
// dialled.
type network struct {
	mu      sync.Mutex
	nodes   map[string]transport.PeerID // by address
	members map[transport.PeerID]string // their addresses
	dials   []string
	found   map[transport.PeerID]string
	awaited map[transport.PeerID]string // how nodes were found that may make a link themselves
	changed chan struct{}
	silence time.Duration // nobody answers, and a dial takes so long to give up
}

func newNetwork(nodes map[string]transport.PeerID) *network {
	return &network{
		nodes: nodes, members: make(map[transport.PeerID]string), found: make(map[transport.PeerID]string),
		awaited: make(map[transport.PeerID]string), changed: make(chan struct{}),
	}
}

func (n *network) Reach(ctx context.Context, addr string, id transport.PeerID, how string) (transport.PeerID, error) {
	if n.silence > 0 {
		<-ctx.Done()
		time.Sleep(n.silence)
		return transport.PeerID{}, ctx.Err()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dials = append(n.dials, addr)
	at, ok := n.nodes[addr]
	if !ok || !id.IsZero() && id != at {
		return transport.PeerID{}, errNobody
	}
	n.found[at] = how
	n.members[at] = "quic://" + addr + ",tcp://" + addr
	close(n.changed)
	n.changed = make(chan struct{})
	return at, nil
}

// lose has all members gone.
func (n *network) lose() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.members)
	close(n.changed)
	n.changed = make(chan struct{})
}

func (n *network) Expect(id transport.PeerID, how string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.awaited[id] = how
}

func (n *network) Knows(id transport.PeerID) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.members[id] != ""
}

func (n *network) Others() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.members)
}

func (n *network) Addresses() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []string
	for _, addr := range n.members {
		all = append(all, addr)
	}
	return all
}

func (n *network) Changed() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.changed
}

// dialed returns what was dialled since the last call, sorted.
func (n *network) dialed() string {
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	slices.Sort(n.dials)
	text := strings.Join(n.dials, " ")
	n.dials = nil
	return text
}

// list is a source that gives a list of hints every second.
type list []Hint

func (l list) Name() string { return "list" }

func (l list) Run(ctx context.Context, site Site) {
	for ctx.Err() == nil {
		for _, h := range l {
			site.Hint(h)
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

// once is a source that gives a list of hints at its start, and is silent then.
type once []Hint

func (o once) Name() string { return "once" }

func (o once) Run(_ context.Context, site Site) {
	for _, h := range o {
		site.Hint(h)
	}
}

// find runs sources in virtual time, to the end of the test.
func find(t *testing.T, n *network, log *logtest.Journal, sources ...Source) *Finder {
	t.Helper()
	f := Start(Config{Network: n, Sources: sources, Logger: logger(log)})
	t.Cleanup(f.Close)
	return f
}

func logger(to *logtest.Journal) *slog.Logger {
	if to == nil {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(to, nil))
}

func TestHintsAreFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(map[string]transport.PeerID{"a:1": one, "b:1": two})
		find(t, n, nil, list{named, plain, {Addr: "b:1", ID: one}, {Addr: "nobody:1"}, {Addr: "quic://b:1"}})
		time.Sleep(100 * time.Millisecond)
		if got := n.dialed(); !strings.Contains(got, "a:1") || !strings.Contains(got, "b:1") || !strings.Contains(got, "nobody:1") {
			t.Errorf("dialled %s", got)
		}
		n.dialed()
		time.Sleep(time.Minute)
		if got := n.dialed(); strings.Contains(got, "a:1") || strings.Contains(got, "b:1") || !strings.Contains(got, "nobody:1") {
			t.Errorf("dialled %s, where two are members", got)
		}
		n.lose()
		time.Sleep(2 * time.Second)
		if got := n.dialed(); !strings.Contains(got, "a:1") || !strings.Contains(got, "b:1") {
			t.Errorf("dialled %s after members are lost", got)
		}
	})
}

// Who is alone is told once what to try, and again when that happens again.
func TestANodeThatIsAloneSaysWhatToTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logtest.Journal
		n := newNetwork(map[string]transport.PeerID{"a:1": one})
		f := Start(Config{Network: n, Sources: []Source{&Join{Addr: "192.0.2.9:1"}, list{}}, Logger: logger(&log)})
		defer f.Close()
		said := func() int {
			synctest.Wait()
			return strings.Count(log.String(), "-join HOST:PORT")
		}
		time.Sleep(AloneAfter - 1)
		if said() != 0 {
			t.Errorf("said before it is time: %s", log.String())
		}
		time.Sleep(time.Hour)
		if said() != 1 || !strings.Contains(log.String(), `tried="join:192.0.2.9:1 list"`) {
			t.Errorf("said %d times: %s", said(), log.String())
		}
		_, _ = n.Reach(t.Context(), "a:1", one, "")
		time.Sleep(time.Hour)
		n.lose()
		time.Sleep(AloneAfter / 2)
		_, _ = n.Reach(t.Context(), "a:1", one, "")
		time.Sleep(time.Hour)
		if said() != 1 {
			t.Errorf("said %d times, though it was alone for a short time only", said())
		}
		n.lose()
		time.Sleep(AloneAfter)
		if said() != 2 {
			t.Errorf("said %d times after it was alone again", said())
		}
	})
}

// A hint says how a node was found, and which one is to be there; another one is no member
// for it.
func TestHintsSayHowAndWho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(map[string]transport.PeerID{"a:1": one, "b:1": two})
		find(t, n, nil, once{named, {Addr: "b:1", ID: transport.PeerID{3}, How: "beacon"}, {Addr: "c:1", How: "list"}})
		synctest.Wait()
		if n.found[one] != "beacon" || n.found[two] != "" || n.Others() != 1 {
			t.Errorf("found %v", n.found)
		}
		if len(n.awaited) != 2 || n.awaited[one] != "beacon" || n.awaited[transport.PeerID{3}] != "beacon" {
			t.Errorf("expected are %v, want those whose ids are known", n.awaited)
		}
	})
}

// An address that a member has is not dialled, whether the hint says the transport or not.
func TestAddressesOfMembersAreNotDialled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(nil)
		n.members[one] = "quic://a:1,tcp://a:2"
		find(t, n, nil, once{{Addr: "a:1"}, {Addr: "a:2"}, {Addr: "quic://a:1"}, {Addr: "tcp://a:2"}, {Addr: "a:3"}})
		if got := n.dialed(); got != "a:3" {
			t.Errorf("dialled %s, want a:3, which is no member's", got)
		}
	})
}

// Dials are made when they are due, and when the rate allows them, with nothing else
// happening meanwhile.
func TestHintsAreDialledInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(nil)
		many := once{{Addr: "late:1", After: time.Minute}}
		for i := range DialBurst + 4*DialRate {
			many = append(many, Hint{Addr: fmt.Sprint("host", i, ":1")})
		}
		find(t, n, nil, many)
		time.Sleep(5 * time.Second)
		if dials := len(strings.Fields(n.dialed())); dials != DialBurst+4*DialRate {
			t.Errorf("%d dials in 5 s, want %d", dials, DialBurst+4*DialRate)
		}
		time.Sleep(55*time.Second - 1)
		if got := n.dialed(); got != "" {
			t.Errorf("dialled %s before it is due", got)
		}
		time.Sleep(time.Nanosecond)
		if got := n.dialed(); got != "late:1" {
			t.Errorf("dialled %q when it is due", got)
		}
	})
}

// A finder that is closed gives up its dials, and waits for them.
func TestCloseEndsDials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(nil)
		n.silence = time.Second
		f := Start(Config{Network: n, Sources: []Source{once{named, plain}}})
		synctest.Wait()
		begin := time.Now()
		f.Close()
		if took := time.Since(begin); took != n.silence {
			t.Errorf("closed after %v, want %v, when the last dial has ended", took, n.silence)
		}
	})
}

// A source that gives hints without end, and waits for nothing, is held off.
func TestAFloodOfHints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(nil)
		var many list
		for i := range 5000 {
			many = append(many, Hint{Addr: "x:1", ID: transport.PeerID{byte(i), byte(i >> 8), 1}})
		}
		f := find(t, n, nil, many)
		time.Sleep(10 * time.Second)
		if dials := len(strings.Fields(n.dialed())); dials > DialBurst+10*DialRate {
			t.Errorf("%d dials in 10 s", dials)
		}
		if f.dropped.Load() == 0 {
			t.Error("no hint was dropped")
		}
	})
}

// A node with a wrong clock is refused by everybody, and its tries become rare. Once the
// clock is right it finds the others within seconds.
func TestARetryFindsNodesSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(nil)
		z := &zone{hosts: map[string][]string{"nodes": {"10.0.0.1"}}}
		f := Start(Config{Network: n, Sources: []Source{&DNS{Lookup: "nodes", Resolver: z}}})
		defer f.Close()
		time.Sleep(time.Hour)
		synctest.Wait()
		n.mu.Lock()
		n.nodes = map[string]transport.PeerID{"10.0.0.1:14142": one}
		n.mu.Unlock()
		asked := z.asked
		f.Retry()
		synctest.Wait()
		if !n.Knows(one) {
			t.Error("it is not found at once")
		}
		if z.asked == asked {
			t.Error("the source did not look")
		}
	})
}
