package member

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/overlay/lookup"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/remote"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// node is a node that is alone: it has members, and knows no others.
type node struct {
	*Members
	lookup *lookup.Lookup
}

func newNode(names names.Config) *node {
	names.HeldBytes = max(names.HeldBytes, 1<<20)
	n := &node{}
	n.lookup = lookup.New(lookup.Config{Names: names, Owner: owner{n}})
	n.Members = New(Config{
		Limits: Limits{OpenRequests: 8, Tunnels: 2}, Lookup: n.lookup, Links: new(remote.Table), Context: context.Background(),
	})
	return n
}

// owner is a node as its lookup sees it.
type owner struct{ node *node }

func (o owner) Resume(r *names.Request)             { o.node.Resume(r) }
func (o owner) Send(transport.PeerID, wire.Message) {}
func (o owner) Members() *directory.Members         { return nil }
func (o owner) Sweep()                              {}

// app is an application that writes down what it sees.
type app struct {
	*Member
	t      *testing.T
	echoes bool // it answers what it is asked

	mu       sync.Mutex
	seen     []string
	requests []uint64 // ids of those it was given
	tunnels  []Stream
}

// attach attaches an application to a cluster, or to none.
func (n *node) attach(t *testing.T, cluster string) *app {
	t.Helper()
	a := &app{t: t}
	m, err := n.Attach([]byte(cluster), a)
	if err != nil {
		t.Fatalf("attach to %q: %v", cluster, err)
	}
	a.Member = m
	return a
}

// ask sends a request of a plain text.
func (a *app) ask(id uint64, cluster, body string) {
	a.Request(id, []byte(cluster), []byte(body), time.Minute)
}

// saw checks what the application has seen since it was asked last.
func (a *app) saw(want ...string) {
	a.t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if !slices.Equal(a.seen, want) {
		a.t.Errorf("the application saw %q, want %q", a.seen, want)
	}
	a.seen = nil
}

func (a *app) note(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen = append(a.seen, fmt.Sprintf(format, args...))
}

func (a *app) HandleRequest(id uint64, body []byte, _ time.Duration) error {
	a.note("request %s", body)
	a.mu.Lock()
	a.requests = append(a.requests, id)
	a.mu.Unlock()
	if a.echoes {
		a.Reply(id, true, body)
	}
	return nil
}

func (a *app) HandleTunnel(_ context.Context, conn Stream) error {
	a.note("tunnel")
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tunnels = append(a.tunnels, conn)
	return nil
}

func (a *app) HandleBroadcast(message []byte)      { a.note("broadcast %s", message) }
func (a *app) HandleEvent(topic, event []byte)     { a.note("event %s: %s", topic, event) }
func (a *app) HandleReply(id uint64, reply []byte) { a.note("%d: reply %s", id, reply) }
func (a *app) HandleFault(id uint64, text []byte)  { a.note("%d: fault %s", id, text) }
func (a *app) HandleTimeout(id uint64)             { a.note("%d: timed out", id) }
func (a *app) HandleLimit(limit error)             { a.note("limit %v", limit) }

// checkIdle checks that nothing is in anybody's hands and nothing waits.
func (n *node) checkIdle(t *testing.T) {
	t.Helper()
	for _, m := range n.All() {
		if u := m.Usage(); u != (Usage{Since: u.Since}) {
			t.Errorf("a member of %q has %+v", m.cluster, u)
		}
	}
	if s := n.lookup.Stats(); s.Held != 0 || s.HeldBytes != 0 || s.Waiting != 0 {
		t.Errorf("%d requests of %d bytes are held, and %d tunnels wait", s.Held, s.HeldBytes, s.Waiting)
	}
}

// checkEmpty checks that a node whose members are all closed knows nothing.
func (n *node) checkEmpty(t *testing.T) {
	t.Helper()
	s := n.lookup.Stats()
	all, _ := n.Served()
	if left := len(n.All()); left+s.Clusters+s.Topics+len(all) != 0 {
		t.Errorf("%d members, %d clusters, %d of them counted, and %d topics are left", left, s.Clusters, len(all), s.Topics)
	}
}
