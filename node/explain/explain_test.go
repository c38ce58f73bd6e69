package explain_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/node/explain"
	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/overlay/discovery"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// host is a node in memory.
type host struct {
	*overlay.Overlay
	id     transport.PeerID
	titles map[*overlay.Member]string
	close  func()
}

// network makes nodes that know each other. An old one answers no question about clusters.
func network(t *testing.T, n int, old ...int) []*host {
	t.Helper()
	wire := mem.NewNetwork(mem.Config{Versions: overlay.Versions()})
	hosts := make([]*host, n)
	for i := range hosts {
		id := transport.PeerID(sha256.Sum256(fmt.Appendf(nil, "node %d", i)))
		end := wire.Node(id)
		listener, err := end.Listen(t.Context(), fmt.Sprintf("mem://%d", i))
		if err != nil {
			t.Fatal(err)
		}
		h := &host{Overlay: overlay.New(overlay.Config{}), id: id, titles: make(map[*overlay.Member]string)}
		answer := func(question string) []byte {
			b, _ := explain.Answer(h.Overlay, func() explain.Title { return h.title }, question)
			return b
		}
		for _, at := range old {
			if at == i {
				answer = nil
			}
		}
		err = h.Connect(overlay.Network{Self: id, Transport: end, Listener: listener, Address: listener.Addr(), Answer: answer, PacketSecrets: [][32]byte{{1}}})
		if err != nil {
			t.Fatal(err)
		}
		var sources []discovery.Source
		if i > 0 {
			sources = []discovery.Source{&discovery.Join{Addr: "mem://0"}}
		}
		finder := discovery.Start(discovery.Config{Network: h.Network(), Sources: sources})
		hosts[i] = h
		h.close = func() {
			finder.Close()
			h.Close()
			end.Close()
		}
	}
	t.Cleanup(func() {
		for _, h := range hosts {
			h.close()
		}
		time.Sleep(5 * time.Second)
	})
	settle()
	return hosts
}

func settle() {
	time.Sleep(3 * time.Second)
	synctest.Wait()
}

func (h *host) title(m *overlay.Member) string { return h.titles[m] }

func (h *host) explain(t *testing.T, name string) *status.Explanation {
	t.Helper()
	var others []transport.PeerID
	for _, other := range h.Network().Nodes() {
		others = append(others, other.ID)
	}
	return explain.Explain(t.Context(), h.Overlay, h.id, others, h.title, name)
}

// member is an application that answers after some time, or refuses all, or never answers.
type member struct {
	*overlay.Member
	after  time.Duration
	full   bool
	silent bool
}

func (h *host) attach(t *testing.T, cluster, title string, m *member) *member {
	t.Helper()
	attached, err := h.Attach([]byte(cluster), m)
	if err != nil {
		t.Fatal(err)
	}
	m.Member, h.titles[attached] = attached, title
	return m
}

func (m *member) HandleRequest(id uint64, _ []byte, _ time.Duration) error {
	switch {
	case m.full:
		return errors.New("no room")
	case !m.silent:
		time.AfterFunc(m.after, func() { m.Reply(id, true, nil) })
	}
	return nil
}

func (*member) HandleBroadcast([]byte)                             {}
func (*member) HandleTunnel(context.Context, overlay.Stream) error { return errors.New("no tunnels") }
func (*member) HandleEvent(_, _ []byte)                            {}
func (*member) HandleReply(uint64, []byte)                         {}
func (*member) HandleFault(uint64, []byte)                         {}
func (*member) HandleTimeout(uint64)                               {}
func (*member) HandleLimit(error)                                  {}

// golden compares what is printed to a file, which IRIS_GOLDEN=write writes.
func golden(t *testing.T, name string, e *status.Explanation) {
	t.Helper()
	got := e.String()
	for line := range strings.Lines(got) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	path := filepath.Join("testdata", name+".txt")
	if os.Getenv("IRIS_GOLDEN") == "write" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("it says\n%s\nwant\n%s", got, want)
	}
}

// Three nodes: the asked one has a slow member, another one a quick one and a full one, and
// the third is being stopped while its member has a request in hand.
func TestExplainANetworkOfThree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := network(t, 3)
		caller := hosts[0].attach(t, "", "127.0.0.1:1000", &member{})
		golden(t, "nobody", hosts[0].explain(t, "service"))

		lasting := hosts[2].attach(t, "service", "127.0.0.1:3000", &member{silent: true})
		settle()
		golden(t, "notlookedup", hosts[0].explain(t, "service"))
		caller.Request(1, []byte("service"), nil, time.Hour)
		settle()

		hosts[0].attach(t, "service", "127.0.0.1:1001", &member{after: 400 * time.Millisecond})
		settle()
		caller.Request(100, []byte("service"), nil, time.Minute) // it is the only one without a request: which of several comes first is drawn
		settle()
		hosts[1].attach(t, "service", "127.0.0.1:2000", &member{full: true})
		hosts[1].attach(t, "service", "127.0.0.1:2001", &member{after: 20 * time.Millisecond})
		settle()
		ctx, cancel := context.WithCancel(t.Context())
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			_ = hosts[2].Drain(ctx)
		}()
		settle()
		for id := range uint64(20) {
			caller.Request(2+id, []byte("service"), nil, time.Minute)
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		golden(t, "three", hosts[0].explain(t, "service"))

		// The full one is seen from the node that it is at.
		golden(t, "full", hosts[1].explain(t, "service"))
		cancel()
		<-drained
		_ = lasting
	})
}

// All are full: what comes waits behind those that wait.
func TestExplainWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := network(t, 2)
		caller := hosts[0].attach(t, "", "127.0.0.1:1000", &member{})
		hosts[0].attach(t, "service", "127.0.0.1:1001", &member{full: true})
		hosts[1].attach(t, "service", "127.0.0.1:2000", &member{full: true})
		settle()
		for id := range uint64(3) {
			caller.Request(id, []byte("service"), nil, time.Minute)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		golden(t, "waits", hosts[0].explain(t, "service"))
	})
}

// A node that does not know the question is named and unharmed: it serves as before.
func TestAnOldNodeIsUnharmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := network(t, 2, 1)
		caller := hosts[0].attach(t, "", "127.0.0.1:1000", &member{})
		hosts[1].attach(t, "service", "127.0.0.1:2000", &member{})
		settle()
		link := hosts[0].Links()
		for range 10 {
			e := hosts[0].explain(t, "service")
			if len(e.Unanswered) != 1 || !strings.Contains(e.Unanswered[0].Reason, "older version") {
				t.Fatalf("unanswered: %+v", e.Unanswered)
			}
			time.Sleep(time.Second)
		}
		caller.Request(1, []byte("service"), nil, time.Minute)
		settle()
		if done := hosts[0].Stats().Done; done.Replies != 1 {
			t.Errorf("the old node has not answered a request: %+v", done)
		}
		if now := hosts[0].Links(); len(now) != 1 || len(link) != 1 || now[0].Since != link[0].Since {
			t.Errorf("the link was made anew: %+v, before %+v", now, link)
		}
	})
}

// Names that no question can hold are explained by what the node knows itself, and what a node
// sends that is no answer harms nobody.
func TestExplainOddNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := network(t, 2)
		long := strings.Repeat("\x1b[31m", 100)
		hosts[0].attach(t, long, "127.0.0.1:1001", &member{})
		e := hosts[0].explain(t, long)
		if e.Unasked == "" || e.Verdict != status.Given || strings.Contains(e.String(), "\x1b") {
			t.Errorf("a long name: %+v", e)
		}
		if e := hosts[0].explain(t, "\xff\x00"); e.Verdict != status.Waits && e.Verdict != status.Nobody {
			t.Errorf("a name of strange bytes: %+v", e)
		}
	})
}
