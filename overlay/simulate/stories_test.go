package simulate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// prompt is the manner of a service that answers at once, silent that of one that never does.
var (
	prompt = manner{takes: 1}
	silent = manner{never: true}
)

// stories are played in the model and by real nodes, and applications have to see the same. Who is
// picked of several is left to chance in both: those are one in what was seen.
var stories = []struct {
	name        string
	nodes, late int
	play        func(n network)
}{
	{"requests are answered", 3, 0, func(n network) {
		n.attach("service", 1, "a", false, prompt)
		n.attach("far", 2, "", false, prompt)
		n.attach("near", 1, "", false, prompt)
		n.pass(time.Second)
		for range 5 {
			n.ask("far", "a", time.Second)
			n.pass(100 * time.Millisecond)
			n.ask("near", "a", time.Second)
			n.pass(100 * time.Millisecond)
		}
		n.ask("far", "a", 0)
		n.pass(time.Second)
	}},
	{"an answer that is given twice, and one that nobody asked for", 2, 0, func(n network) {
		n.attach("service", 1, "a", false, manner{takes: 1, twice: true, strays: true})
		n.attach("caller", 0, "", false, prompt)
		n.pass(time.Second)
		for range 5 {
			n.ask("caller", "a", time.Second)
			n.pass(50 * time.Millisecond)
		}
	}},
	{"a request waits for a member, and another in vain", 3, 0, func(n network) {
		n.attach("caller", 0, "", false, prompt)
		n.ask("caller", "a", 20*time.Second)
		n.ask("caller", "b", 4*time.Second)
		n.pass(3900 * time.Millisecond)
		n.pass(200 * time.Millisecond)
		n.attach("service", 2, "a", false, prompt)
		n.pass(time.Second)
	}},
	{"what waits is handed over in its order", 2, 0, func(n network) {
		n.attach("caller", 0, "", false, prompt)
		for range 8 {
			n.ask("caller", "a", 20*time.Second)
		}
		n.pass(time.Second)
		n.attach("service", 0, "a", false, silent)
		n.pass(time.Second)
	}},
	{"what waits is bounded", 2, 0, func(n network) {
		n.attach("caller", 0, "", false, prompt)
		for range 40 {
			n.ask("caller", "nobody", 5*time.Second)
		}
		n.pass(time.Second)
		n.pass(5 * time.Second)
	}},
	{"who does not want to wait is told", 2, 0, func(n network) {
		n.attach("hasty", 0, "", true, prompt)
		n.ask("hasty", "a", time.Minute)
		n.pass(100 * time.Millisecond)
		n.attach("service", 1, "a", false, prompt)
		n.pass(time.Second)
		n.ask("hasty", "a", time.Minute)
		n.pass(100 * time.Millisecond)
		n.leave("service")
		n.pass(time.Second)
		n.ask("hasty", "a", time.Minute)
		n.pass(100 * time.Millisecond)
	}},
	{"a node that has heard of no other tells who does not want to wait that there is nobody", 2, 1, func(n network) {
		n.attach("service", 0, "a", false, prompt)
		n.pass(time.Second)
		n.start()
		n.attach("hasty", 1, "", true, prompt)
		n.attach("patient", 1, "", false, prompt)
		n.ask("hasty", "a", time.Minute)
		n.ask("patient", "a", time.Minute)
		n.pass(0)
		n.pass(3 * time.Second)
		n.ask("hasty", "a", time.Minute)
		n.pass(time.Second)
	}},
	{"a member without room", 2, 0, func(n network) {
		n.attach("service", 1, "a", false, prompt)
		n.attach("caller", 0, "", false, prompt)
		n.pass(time.Second)
		n.busy("service", 1500*time.Millisecond)
		n.ask("caller", "a", 10*time.Second)
		n.ask("caller", "a", time.Second)
		n.pass(1400 * time.Millisecond)
		n.pass(3 * time.Second)
	}},
	{"one member without room and one with", 3, 0, func(n network) {
		n.attach("full", 1, "a", false, prompt)
		n.attach("free", 2, "a", false, prompt)
		n.attach("caller", 0, "", false, prompt)
		n.pass(time.Second)
		n.busy("full", 10*time.Second)
		for range 10 {
			n.ask("caller", "a", 5*time.Second)
			n.pass(50 * time.Millisecond)
		}
	}},
	{"two members share", 3, 0, func(n network) {
		n.attach("service.1", 1, "a", false, prompt)
		n.attach("service.2", 2, "a", false, prompt)
		n.attach("caller", 0, "", false, prompt)
		n.pass(time.Second)
		for range 20 {
			n.ask("caller", "a", 5*time.Second)
			n.pass(50 * time.Millisecond)
		}
	}},
	{"events and broadcasts come once and in order", 3, 0, func(n network) {
		n.attach("one", 1, "a", false, prompt)
		n.attach("two", 2, "a", false, prompt)
		n.attach("sender", 0, "a", false, prompt)
		for _, app := range []string{"one", "two", "sender"} {
			n.subscribe(app, "x")
		}
		n.pass(time.Second)
		for range 30 {
			n.publish("sender", "x")
		}
		n.pass(time.Second)
		for range 30 {
			n.broadcast("sender", "a")
		}
		n.pass(time.Second)
		n.publish("one", "x")
		n.broadcast("two", "nobody")
		n.pass(time.Second)
	}},
	{"the first event waits until it is known who wants it", 3, 0, func(n network) {
		n.attach("listener", 1, "", false, prompt)
		n.subscribe("listener", "x")
		n.pass(10 * time.Second)
		n.attach("sender", 2, "", false, prompt)
		n.publish("sender", "x")
		n.pass(time.Second)
	}},
	{"subscriptions end", 2, 0, func(n network) {
		n.attach("listener", 1, "", false, prompt)
		n.attach("sender", 0, "", false, prompt)
		n.subscribe("listener", "x")
		n.subscribe("listener", "x")
		n.pass(time.Second)
		n.publish("sender", "x")
		n.pass(time.Second)
		n.unsubscribe("listener", "x")
		n.pass(time.Second)
		n.publish("sender", "x")
		n.pass(time.Second)
		n.subscribe("listener", "x")
		n.pass(time.Second)
		n.publish("sender", "x")
		n.pass(time.Second)
	}},
	{"a member that leaves answers what it has", 2, 0, func(n network) {
		n.attach("slow", 1, "a", false, manner{takes: 2 * time.Second})
		n.attach("caller", 0, "", false, prompt)
		n.pass(time.Second)
		n.ask("caller", "a", 10*time.Second)
		n.pass(20 * time.Millisecond)
		n.leave("slow")
		n.pass(3 * time.Second)
		n.ask("caller", "a", time.Second)
		n.pass(2 * time.Second)
	}},
	{"a member that closes loses what it has", 2, 0, func(n network) {
		n.attach("silent", 1, "a", false, silent)
		n.attach("caller", 0, "", false, prompt)
		n.pass(time.Second)
		n.ask("caller", "a", 10*time.Second)
		n.pass(100 * time.Millisecond)
		n.end("silent")
		n.pass(time.Second)
		n.attach("again", 1, "a", false, prompt)
		n.pass(time.Second)
		n.ask("caller", "a", time.Second)
		n.pass(time.Second)
	}},
	{"a node dies", 3, 0, func(n network) {
		n.attach("silent", 1, "a", false, silent)
		n.attach("caller", 0, "", false, prompt)
		n.pass(time.Second)
		n.ask("caller", "a", 10*time.Second)
		n.pass(100 * time.Millisecond)
		n.crash(1)
		n.pass(2 * time.Second)
		n.pass(15 * time.Second)
		n.attach("other", 2, "a", false, prompt)
		n.pass(time.Second)
		n.ask("caller", "a", time.Second)
		n.pass(time.Second)
		n.broadcast("caller", "a")
		n.pass(time.Second)
	}},
	{"a node drains", 3, 0, func(n network) {
		n.attach("ends", 1, "a", false, manner{takes: time.Second})
		n.attach("waits", 1, "", false, prompt)
		n.attach("caller", 0, "", false, prompt)
		n.pass(time.Second)
		n.ask("caller", "a", 10*time.Second)
		n.ask("waits", "nobody", 10*time.Second)
		n.pass(20 * time.Millisecond)
		n.drain(1)
		n.ask("waits", "a", 10*time.Second)
		n.pass(20 * time.Millisecond)
		n.ask("caller", "a", 10*time.Second)
		n.pass(5 * time.Second)
		n.attach("other", 2, "a", false, prompt)
		n.pass(time.Second)
	}},
	{"a link is lost", 2, 0, func(n network) {
		n.attach("silent", 1, "a", false, silent)
		n.attach("prompt", 1, "b", false, prompt)
		n.attach("caller", 0, "", false, prompt)
		n.pass(time.Second)
		n.ask("caller", "a", 10*time.Second)
		n.pass(100 * time.Millisecond)
		n.lose(0, 1)
		n.pass(2 * time.Second)
		n.ask("caller", "b", 5*time.Second)
		n.pass(5 * time.Second)
	}},
	{"a network splits and heals", 2, 0, func(n network) {
		n.attach("service", 1, "a", false, prompt)
		n.attach("caller", 0, "", false, prompt)
		n.subscribe("service", "x")
		n.pass(time.Second)
		n.ask("caller", "a", time.Second)
		n.pass(time.Second)
		n.cut(0, 1)
		n.ask("caller", "a", 3*time.Second)
		n.pass(4 * time.Second)
		n.pass(16 * time.Second)
		n.ask("caller", "a", time.Second)
		n.pass(2 * time.Second)
		n.ask("caller", "a", 20*time.Second)
		n.heal()
		n.pass(5 * time.Second)
		n.ask("caller", "a", time.Second)
		n.pass(time.Second)
		n.publish("caller", "x")
		n.pass(time.Second)
	}},
	{"a node comes later", 3, 1, func(n network) {
		n.attach("service", 1, "a", false, prompt)
		n.attach("caller", 0, "", false, prompt)
		n.pass(3 * time.Second)
		n.ask("caller", "b", 20*time.Second)
		n.start()
		n.pass(3 * time.Second)
		n.attach("late", 2, "b", false, prompt)
		n.subscribe("late", "x")
		n.pass(time.Second)
		n.ask("late", "a", time.Second)
		n.pass(time.Second)
		n.publish("caller", "x")
		n.pass(time.Second)
	}},
}

// What applications see of the model they see of real nodes.
func TestTheModelIsLikeTheProduct(t *testing.T) {
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			m := newModel(s.nodes, s.late)
			m.pass(3 * time.Second)
			s.play(m)
			synctest.Test(t, func(t *testing.T) {
				p := newProduct(t, s.nodes, s.late)
				p.pass(3 * time.Second)
				s.play(p)
				if len(m.saw()) == 0 {
					t.Error("nobody has seen anything")
				}
				if !maps.EqualFunc(m.saw(), p.saw(), slices.Equal) {
					t.Errorf("in the model\n%s\nwith real nodes\n%s", tellSaw(m.saw()), tellSaw(p.saw()))
				}
			})
		})
	}
}

func tellSaw(saw map[string][]string) string {
	var b strings.Builder
	for _, app := range slices.Sorted(maps.Keys(saw)) {
		fmt.Fprintf(&b, "    %s: %s\n", app, strings.Join(saw[app], ", "))
	}
	return b.String()
}
