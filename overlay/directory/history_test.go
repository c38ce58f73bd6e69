package directory

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	seeds     = flag.Int("seeds", 40, "how many histories TestHistories runs")
	firstSeed = flag.Uint64("seed", 1, "the seed of the first")
)

// Random histories: nodes come, go, stop, fall apart and find together, over
// networks that lose, delay, repeat and reorder. Whatever was, soon after it ends
// everybody knows what is. A history that fails is replayed by
//
//	go test ./overlay/directory -run TestHistories -seeds 1 -seed N
func TestHistories(t *testing.T) {
	for i := range *seeds {
		seed := *firstSeed + uint64(i)
		if !t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { playHistory(t, seed) }) {
			t.Fatalf("replay with: go test ./overlay/directory -run TestHistories -seeds 1 -seed %d", seed)
		}
	}
}

// history is a world in which things happen at random.
type history struct {
	*world
	names  []Name
	jitter time.Duration // of messages
	tokens uint64        // the last that somebody waits with
	log    strings.Builder
}

func playHistory(t *testing.T, seed uint64) {
	h := newHistory(t, seed)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("history of seed %d:\n%s", seed, &h.log)
		}
	})
	for range 40 + h.random.IntN(60) {
		h.happen()
		h.run(h.pause())
		for _, n := range h.nodes {
			h.checkNode(n)
		}
	}
	h.calm()
	// A pause of a node may go on for 15 s, and a question be repeated as late.
	h.mustAgree(40 * time.Second)
	// Until here leases may end of which the reminders were lost before.
	h.run(2 * time.Minute)
	h.mustAgree(0)
	h.mustStay(time.Minute)
	if h.jitter < 100*time.Millisecond { // or answers take longer than they are waited for
		h.confirmAll()
	}
	for _, n := range h.nodes {
		h.checkNode(n)
	}
	h.leave()
}

// newHistory makes a network of 2 to 31 nodes, with thresholds that they cross.
func newHistory(t *testing.T, seed uint64) *history {
	h := &history{world: newWorld(t, seed, Config{})}
	random := h.random
	h.config = Config{
		Owners:     1 + random.IntN(4),
		Everywhere: []int{0, -1, 2, 4, 8}[random.IntN(5)],
		Seed:       seed,
	}
	if random.IntN(4) == 0 {
		h.config.Lease = 20 * time.Second
	}
	jitter := []time.Duration{0, 5 * time.Millisecond, 300 * time.Millisecond}[random.IntN(3)]
	h.jitter = jitter
	h.delay = func() time.Duration {
		return time.Millisecond + time.Duration(random.Int64N(int64(jitter)+1))
	}
	skew := []time.Duration{0, 100 * time.Millisecond, 3 * time.Second}[random.IntN(3)]
	h.notice = func() time.Duration { return time.Duration(random.Int64N(int64(skew) + 1)) }
	for i := range 1 + random.IntN(6) {
		h.names = append(h.names, hasher.Topic(fmt.Append(nil, i)))
	}
	fmt.Fprintf(&h.log, "%+v, delay up to %v, skew %v, %d names\n", h.config, jitter, skew, len(h.names))
	h.join(2 + random.IntN(30))
	return h
}

// pause returns how long nothing happens: mostly not at all or shortly.
func (h *history) pause() time.Duration {
	longest := []time.Duration{0, 0, 30 * time.Millisecond, time.Second, 15 * time.Second, 2 * time.Minute}
	return time.Duration(h.random.Int64N(int64(longest[h.random.IntN(len(longest))]) + 1))
}

func (h *history) note(format string, args ...any) {
	fmt.Fprintf(&h.log, "%v "+format+"\n", append([]any{h.now.Sub(start)}, args...)...)
}

// happen makes one thing happen.
func (h *history) happen() {
	i := h.random.IntN(len(h.nodes))
	n, name := h.nodes[i], h.names[h.random.IntN(len(h.names))]
	if n.dir == nil {
		h.note("node %d starts", i)
		n.start()
		return
	}
	switch h.random.IntN(22) {
	case 0, 1, 2, 3:
		h.note("node %d registers %v", i, name)
		n.register(name)
	case 4, 5, 6:
		h.note("node %d unregisters %v", i, name)
		n.unregister(name)
	case 7, 8, 9, 10:
		h.note("node %d watches %v", i, name)
		n.watch(name)
	case 11, 12:
		h.note("node %d does not watch %v", i, name)
		n.unwatch(name)
	case 20:
		h.tokens++
		h.note("node %d awaits %d", i, h.tokens)
		n.step(AwaitConfirmation{h.tokens})
	case 21:
		h.note("node %d stops to await %d", i, h.tokens)
		n.step(StopAwaiting{h.tokens})
	case 13:
		h.note("node %d is killed", i)
		n.kill()
	case 14:
		h.note("a node joins")
		h.join(1)
	case 15:
		h.note("node %d stops", i)
		n.paused = h.now.Add(time.Duration(h.random.Int64N(int64(15 * time.Second))))
	default:
		h.trouble()
	}
}

// trouble makes something happen to the network.
func (h *history) trouble() {
	switch h.random.IntN(5) {
	case 0:
		h.loss = h.random.Float64() * 0.5
		h.note("%.0f%% of messages are lost", 100*h.loss)
	case 1:
		h.duplicate = h.random.Float64() * 0.5
		h.note("%.0f%% of messages come twice", 100*h.duplicate)
	case 2:
		side := slices.Clone(h.nodes)
		h.random.Shuffle(len(side), func(i, j int) { side[i], side[j] = side[j], side[i] })
		side = side[:h.random.IntN(len(side))]
		h.note("%d nodes are split off", len(side))
		h.split(1+h.random.IntN(2), side...)
	case 3:
		h.note("the network heals")
		h.heal()
	case 4:
		h.note("all links break")
		h.reconnect()
	}
}

// reconnect tells everybody that there are new links to everybody.
func (h *history) reconnect() {
	for _, n := range h.nodes {
		for _, peer := range h.nodes {
			if n != peer {
				n.step(Connected{peer.id})
			}
		}
	}
}

// calm ends all trouble, and lets membership see it.
func (h *history) calm() {
	h.note("calm")
	h.loss, h.duplicate = 0, 0
	h.heal()
	h.run(3 * time.Second)
}

// confirmAll lets all nodes register a name at once, and checks that whoever is told that
// it is confirmed is known to all who watch the name.
func (h *history) confirmAll() {
	up := slices.DeleteFunc(slices.Clone(h.nodes), func(n *node) bool { return n.dir == nil })
	waiting := len(up)
	for i, n := range up {
		name := h.names[h.random.IntN(len(h.names))]
		n.unregister(name)
		n.confirmed = func(uint64) {
			waiting--
			for j, other := range up {
				if nodes, _ := other.dir.Lookup(name); other != n && other.watched[name] && !slices.Contains(nodes, n.id) {
					h.t.Errorf("node %d is told that %v is confirmed, and node %d does not know it", i, name, j)
				}
			}
		}
		n.register(name)
		h.tokens++
		n.step(AwaitConfirmation{h.tokens})
	}
	h.run(10 * time.Second)
	if waiting > 0 {
		h.t.Errorf("%d nodes are not told that their names are confirmed", waiting)
	}
	for _, n := range up {
		n.confirmed = nil
	}
}

// checkNode holds what a node says against what it said.
func (h *history) checkNode(n *node) {
	if n.dir == nil {
		return
	}
	check(h.t, n.dir)
	for name := range n.changed {
		if rec := n.dir.local[name]; rec == nil || !rec.watched {
			continue
		}
		nodes, known := n.dir.Lookup(name)
		if c := n.changed[name]; !slices.Equal(nodes, c.Nodes) || known != c.Known {
			h.t.Fatalf("%v says of %v: %v, %v; it said %+v", n.id, name, nodes, known, c)
		}
		for _, id := range nodes {
			if _, member := n.dir.members.Epoch(id); !member {
				h.t.Fatalf("%v names %v, which is no member", n.id, id)
			}
		}
	}
}

// leave makes all nodes forget all names, after which nothing is left of them and
// nobody says a word.
func (h *history) leave() {
	for _, n := range h.nodes {
		if n.dir == nil {
			continue
		}
		for _, name := range h.names {
			n.unregister(name)
			n.unwatch(name)
		}
	}
	h.run(5 * time.Minute)
	before := h.sent()
	h.run(10 * time.Minute)
	if after := h.sent(); after != before {
		h.t.Errorf("%d messages with nothing to say", after.messages-before.messages)
	}
	for _, n := range h.nodes {
		if n.dir == nil {
			continue
		}
		if d := n.dir; len(d.names)+len(d.local)+d.entries+d.registered > 0 {
			h.t.Errorf("%v keeps %d names and %d entries", n.id, len(d.names), d.entries)
		}
	}
}
