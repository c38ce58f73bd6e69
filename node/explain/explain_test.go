package explain_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/node/explain"
	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/node/status/statustest"
	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/overlay/overlaytest"
)

// host is a node that can be asked.
type host struct {
	*overlaytest.Node
	titles map[*overlay.Member]string
}

// network makes nodes that know each other. An old one answers no question about clusters.
func network(t *testing.T, n int, old ...int) []*host {
	t.Helper()
	hosts := make([]*host, n)
	for i, node := range overlaytest.Network(t, n, overlaytest.Config{Answer: func(i int, o *overlay.Overlay) func(string) []byte {
		if slices.Contains(old, i) {
			return nil
		}
		return func(question string) []byte {
			b, _ := explain.Answer(o, func() explain.Title { return hosts[i].title }, question)
			return b
		}
	}}) {
		hosts[i] = &host{node, make(map[*overlay.Member]string)}
	}
	return hosts
}

func (h *host) title(m *overlay.Member) string { return h.titles[m] }

func (h *host) explain(t *testing.T, name string) *status.Explanation {
	t.Helper()
	return explain.Explain(t.Context(), h.Overlay, h.ID, h.Others(), h.title, name)
}

func (h *host) attach(t *testing.T, cluster, title string, m *overlaytest.Member) *overlaytest.Member {
	t.Helper()
	h.Attach(t, cluster, m)
	h.titles[m.Member] = title
	return m
}

func golden(t *testing.T, name string, e *status.Explanation) {
	t.Helper()
	statustest.Fits(t, e.String())
	statustest.Golden(t, name+".txt", e.String())
}

// Three nodes: the asked one has a slow member, another one a quick one and a full one, and
// the third is being stopped while its member has a request in hand.
func TestExplainANetworkOfThree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := network(t, 3)
		caller := hosts[0].attach(t, "", "127.0.0.1:1000", &overlaytest.Member{})
		golden(t, "nobody", hosts[0].explain(t, "service"))

		lasting := hosts[2].attach(t, "service", "127.0.0.1:3000", &overlaytest.Member{Silent: true})
		overlaytest.Settle()
		golden(t, "notlookedup", hosts[0].explain(t, "service"))
		caller.Request(1, []byte("service"), nil, time.Hour)
		overlaytest.Settle()

		hosts[0].attach(t, "service", "127.0.0.1:1001", &overlaytest.Member{After: 400 * time.Millisecond})
		overlaytest.Settle()
		caller.Request(100, []byte("service"), nil, time.Minute) // it is the only one without a request: which of several comes first is drawn
		overlaytest.Settle()
		hosts[1].attach(t, "service", "127.0.0.1:2000", &overlaytest.Member{Full: true})
		hosts[1].attach(t, "service", "127.0.0.1:2001", &overlaytest.Member{After: 20 * time.Millisecond})
		overlaytest.Settle()
		ctx, cancel := context.WithCancel(t.Context())
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			_ = hosts[2].Drain(ctx)
		}()
		overlaytest.Settle()
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
		caller := hosts[0].attach(t, "", "127.0.0.1:1000", &overlaytest.Member{})
		hosts[0].attach(t, "service", "127.0.0.1:1001", &overlaytest.Member{Full: true})
		hosts[1].attach(t, "service", "127.0.0.1:2000", &overlaytest.Member{Full: true})
		overlaytest.Settle()
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
		caller := hosts[0].attach(t, "", "127.0.0.1:1000", &overlaytest.Member{})
		hosts[1].attach(t, "service", "127.0.0.1:2000", &overlaytest.Member{})
		overlaytest.Settle()
		link := hosts[0].Links()
		for range 10 {
			e := hosts[0].explain(t, "service")
			if len(e.Unanswered) != 1 || !strings.Contains(e.Unanswered[0].Reason, "older version") {
				t.Fatalf("unanswered: %+v", e.Unanswered)
			}
			time.Sleep(time.Second)
		}
		caller.Request(1, []byte("service"), nil, time.Minute)
		overlaytest.Settle()
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
		hosts[0].attach(t, long, "127.0.0.1:1001", &overlaytest.Member{})
		e := hosts[0].explain(t, long)
		if e.Unasked == "" || e.Verdict != status.Given || strings.Contains(e.String(), "\x1b") {
			t.Errorf("a long name: %+v", e)
		}
		if e := hosts[0].explain(t, "\xff\x00"); e.Verdict != status.Waits && e.Verdict != status.Nobody {
			t.Errorf("a name of strange bytes: %+v", e)
		}
	})
}
