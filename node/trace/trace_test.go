package trace_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/node/status/statustest"
	"github.com/project-iris/iris/node/trace"
	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/overlay/overlaytest"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// delay is one way between two nodes.
const delay = 3 * time.Millisecond

// host is a node that traces.
type host struct{ *overlaytest.Node }

// network makes nodes that know each other. An old one answers no question about traces.
func network(t *testing.T, n int, old ...int) (hosts []*host) {
	t.Helper()
	config := overlaytest.Config{Overlay: overlay.Config{OpenRequests: 100}, Path: mem.Path{Delay: delay}}
	config.Answer = func(i int, o *overlay.Overlay) func(string) []byte {
		if slices.Contains(old, i) {
			return nil
		}
		return func(question string) []byte {
			b, _ := trace.Answer(o, question)
			return b
		}
	}
	for _, node := range overlaytest.Network(t, n, config) {
		hosts = append(hosts, &host{node})
	}
	return hosts
}

// trace traces from a node, while something happens.
func (h *host) trace(t *testing.T, wanted trace.Wanted, meanwhile func()) *status.Traces {
	t.Helper()
	type result struct {
		traces *status.Traces
		err    error
	}
	done := make(chan result)
	go func() {
		traces, err := trace.Trace(t.Context(), h.Overlay, h.ID, h.Others(), wanted)
		done <- result{traces, err}
	}()
	time.Sleep(100 * time.Millisecond) // for two round trips
	synctest.Wait()
	meanwhile()
	r := <-done
	if r.err != nil {
		t.Fatal(r.err)
	}
	return r.traces
}

func next(name string, count int) trace.Wanted {
	return trace.Wanted{Cluster: name, Count: count, Every: 1, Time: 10 * time.Second}
}

var drawn = regexp.MustCompile(`trace [0-9a-f]{32}`)

// golden has the ids replaced, which are drawn.
func golden(t *testing.T, name string, traces *status.Traces) {
	t.Helper()
	statustest.Fits(t, traces.String())
	statustest.Golden(t, name+".txt", drawn.ReplaceAllString(traces.String(), "trace 0123456789abcdef0123456789abcdef"))
}

// The hops of a request follow each other without a gap, from its beginning to its end.
func continuous(t *testing.T, traces *status.Traces) {
	t.Helper()
	for _, one := range traces.Traces {
		at := 0.0
		for _, h := range one.Hops {
			if d := h.StartSeconds - at; d > 1e-7 || d < -1e-7 || h.Seconds < 0 {
				t.Errorf("%s begins at %v, and the hop before it ends at %v: %+v", h.Hop, h.StartSeconds, at, one.Hops)
			}
			at = h.StartSeconds + h.Seconds
		}
		if d := one.Seconds - at; d > 1e-7 || d < -1e-7 {
			t.Errorf("the hops take %v, of %v: %+v", at, one.Seconds, one.Hops)
		}
	}
}

// Three nodes: the caller's has a slow member, another one a quick one and a full one, and the
// third is stopped while the caller's node does not know it yet.
func TestANetworkOfThree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := network(t, 3)
		caller := hosts[0].Attach(t, "", &overlaytest.Member{Title: "127.0.0.1:1000"})
		hosts[2].Attach(t, "service", &overlaytest.Member{Title: "127.0.0.1:3000", Silent: true})
		overlaytest.Settle()
		traces := hosts[1].trace(t, next("service", 1), func() {
			caller.Request(1, []byte("service"), []byte("body"), time.Second)
		})
		golden(t, "timeout", traces)
		continuous(t, traces)

		hosts[0].Attach(t, "service", &overlaytest.Member{Title: "127.0.0.1:1001", After: 400 * time.Millisecond})
		hosts[1].Attach(t, "service", &overlaytest.Member{Title: "127.0.0.1:2000", Full: true})
		hosts[1].Attach(t, "service", &overlaytest.Member{Title: "127.0.0.1:2001", After: 20 * time.Millisecond, Queued: 700})
		overlaytest.Settle()
		traces = hosts[1].trace(t, next("service", 4), func() {
			for id := range uint64(4) {
				caller.Request(2+id, []byte("service"), []byte("body"), time.Minute)
				time.Sleep(700 * time.Millisecond)
			}
		})
		golden(t, "three", traces)
		continuous(t, traces)
	})
}

// A node that is being stopped sends a request back, and another one takes it.
func TestANodeThatDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := network(t, 3)
		caller := hosts[0].Attach(t, "", &overlaytest.Member{Title: "127.0.0.1:1000"})
		warm := func() {
			overlaytest.Settle()
			for id := range uint64(5) {
				caller.Request(100+id, []byte("service"), nil, time.Minute)
				time.Sleep(100 * time.Millisecond)
			}
		}
		hosts[2].Attach(t, "service", &overlaytest.Member{Title: "127.0.0.1:3000", After: 50 * time.Millisecond})
		warm()
		hosts[1].Attach(t, "service", &overlaytest.Member{Title: "127.0.0.1:2000", After: time.Millisecond})
		warm()
		ctx, cancel := context.WithCancel(t.Context())
		drained := make(chan struct{})
		traces := hosts[0].trace(t, next("service", 1), func() {
			go func() {
				defer close(drained)
				_ = hosts[1].Drain(ctx)
			}()
			time.Sleep(time.Millisecond)
			caller.Request(2, []byte("service"), nil, time.Minute)
		})
		golden(t, "drains", traces)
		continuous(t, traces)
		cancel()
		<-drained
	})
}

// All are full, or nobody is there: requests wait, and the trace says why.
func TestWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := network(t, 2)
		caller := hosts[0].Attach(t, "", &overlaytest.Member{Title: "127.0.0.1:1000"})
		traces := hosts[0].trace(t, next("service", 1), func() {
			caller.Request(1, []byte("service"), nil, time.Minute)
			time.Sleep(time.Second)
			hosts[1].Attach(t, "service", &overlaytest.Member{Title: "127.0.0.1:2000", After: time.Millisecond})
		})
		golden(t, "nobody", traces)
		continuous(t, traces)

		hosts[0].Attach(t, "busy", &overlaytest.Member{Title: "127.0.0.1:1001", Full: true})
		hosts[1].Attach(t, "busy", &overlaytest.Member{Title: "127.0.0.1:2001", Full: true})
		overlaytest.Settle()
		traces = hosts[0].trace(t, next("busy", 1), func() {
			caller.Request(2, []byte("busy"), nil, 2*time.Second)
		})
		golden(t, "full", traces)
		continuous(t, traces)

		caller.FailFast()
		traces = hosts[0].trace(t, next("nowhere", 1), func() {
			caller.Request(4, []byte("nowhere"), nil, time.Hour)
		})
		if len(traces.Traces) != 1 || traces.Traces[0].Outcome != "timeout" {
			t.Errorf("a request that does not wait: %+v", traces)
		}
		continuous(t, traces)
		traces = hosts[0].trace(t, next("busy", 1), func() {
			caller.Request(3, []byte("busy"), nil, time.Hour)
		})
		if len(traces.Traces) != 1 || traces.Traces[0].Outcome != "open" || !traces.Traces[0].Hops[len(traces.Traces[0].Hops)-1].Open {
			t.Errorf("a request that waits: %+v", traces)
		}
		continuous(t, traces)
	})
}

// A node of an older version is named, and serves requests that carry the id of a trace.
func TestAnOldNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := network(t, 2, 1)
		caller := hosts[0].Attach(t, "", &overlaytest.Member{Title: "127.0.0.1:1000"})
		hosts[1].Attach(t, "service", &overlaytest.Member{Title: "127.0.0.1:2000", After: 20 * time.Millisecond})
		overlaytest.Settle()
		caller.Request(1, []byte("service"), nil, time.Minute)
		overlaytest.Settle()
		traces := hosts[0].trace(t, next("service", 1), func() {
			caller.Request(2, []byte("service"), nil, time.Minute)
		})
		golden(t, "old", traces)
		continuous(t, traces)
	})
}

// Nodes are disarmed when a trace ends, and when whoever traces goes: also if nobody tells them.
func TestNodesAreDisarmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hosts := network(t, 2)
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error)
		wanted := next("service", 1)
		go func() {
			_, err := trace.Trace(ctx, hosts[0].Overlay, hosts[0].ID, []transport.PeerID{hosts[1].ID}, wanted)
			failed <- err
		}()
		time.Sleep(time.Second)
		if !hosts[0].Traces().Armed() || !hosts[1].Traces().Armed() {
			t.Error("a node is not armed")
		}
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("it was cancelled: %v", err)
		}
		if hosts[0].Traces().Armed() || hosts[1].Traces().Armed() {
			t.Error("a node is armed after the end")
		}
		for id := range 5 {
			answer, _ := trace.Answer(hosts[1].Overlay, fmt.Sprintf("/v1/trace/arm/%016x/1/1/1000/name", id))
			if refused := strings.Contains(string(answer), "refused"); refused != (id == 4) {
				t.Errorf("trace %d: %s", id, answer)
			}
		}
		time.Sleep(time.Minute)
		if hosts[1].Traces().Armed() {
			t.Error("a node is armed after its time")
		}
		if stats := hosts[1].Stats(); stats.TracesRefused != 1 {
			t.Errorf("%d traces were refused", stats.TracesRefused)
		}
	})
}

// A node answers what it is asked in another form as it does what it does not know.
func TestOddQuestions(t *testing.T) {
	o := overlay.New(overlay.Config{})
	defer o.Close()
	for _, asked := range []string{
		"/v1/trace/", "/v1/trace/arm", "/v1/trace/arm/1", "/v1/trace/arm/0000000000000001/1/1/1000", "/v1/trace/arm/0000000000000001/a/1/1000/name",
		"/v1/trace/arm/0000000000000001/1/1/99999999999/name", "/v1/trace/stop/0000000000000001", "/v1/trace/arm/+000000000000001/1/1/1/n/m",
	} {
		if answer, mine := trace.Answer(o, asked); answer != nil || !mine {
			t.Errorf("%s is answered: %s", asked, answer)
		}
	}
	for _, asked := range []string{"/v1/trace/arm/0000000000000001/0/1/1000/n", "/v1/trace/arm/0000000000000001/101/1/1000/n", "/v1/trace/arm/0000000000000001/1/0/1000/n", "/v1/trace/arm/0000000000000001/1/1/-5/n", "/v1/trace/start/0000000000000001"} {
		if answer, _ := trace.Answer(o, asked); !strings.Contains(string(answer), "refused") {
			t.Errorf("%s is answered: %s", asked, answer)
		}
	}
	if _, mine := trace.Answer(o, "/v1/explain/name"); mine {
		t.Error("it answers another question")
	}
}
