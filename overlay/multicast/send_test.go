package multicast

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// Each node gets each message once, those of one sender in their order, however the ways
// to it compare.
func TestEachNodeGetsEachMessageOnceAndInOrder(t *testing.T) {
	for _, row := range []struct {
		nodes    int // that get messages
		branches int
	}{{1, 1}, {32, 32}, {33, 32}, {39, 32}} {
		for _, kind := range []wire.Kind{wire.KindEvent, wire.KindBroadcast} {
			t.Run(fmt.Sprintf("%d nodes, kind %d", row.nodes, kind), func(t *testing.T) {
				inNetwork(t, 40, func(w *network) {
					route := w.nodes[0].Route(nodes(1, row.nodes+1))
					if got := len(route.Tree()); got != row.branches {
						t.Errorf("%d branches, want %d", got, row.branches)
					}
					want := w.sendAtOnce(route, kind)
					w.flow()
					for _, h := range w.nodes[1 : row.nodes+1] {
						h.wantOfEach(want)
					}
					w.wantStats(Stats{})
				})
			})
		}
	}
}

// sendAtOnce sends messages of several senders at the same time, and returns those of
// each in order.
func (w *network) sendAtOnce(route *Route, kind wire.Kind) map[string][]string {
	want := make(map[string][]string)
	var sending sync.WaitGroup
	for i, name := range []string{"a", "b", "c", "d", "e"} {
		for n := range 20 {
			want[name] = append(want[name], fmt.Sprint(name, n))
		}
		sender := w.nodes[0].Sender(uint64(i))
		sending.Go(func() {
			for n := range 20 {
				sender.sendAll(route, kind, []byte("news"), fmt.Append(nil, name, n))
			}
		})
	}
	sending.Wait()
	return want
}

// wantOfEach holds what a node got, sender by sender, against what it should have got.
func (h *testNode) wantOfEach(want map[string][]string) {
	h.network.t.Helper()
	total := 0
	for sender, messages := range want {
		total += len(messages)
		got := slices.DeleteFunc(slices.Clone(h.got), func(m string) bool { return !strings.HasPrefix(m, sender) })
		if !slices.Equal(got, messages) {
			h.network.t.Errorf("node %d got of %s: %v, want %v", h.number, sender, got, messages)
		}
	}
	if len(h.got) != total {
		h.network.t.Errorf("node %d got %d messages, want %d", h.number, len(h.got), total)
	}
}

// sendAll sends a message, and does what is left of it.
func (s *Sender) sendAll(r *Route, kind wire.Kind, name, message []byte) {
	if rest := s.Send(r, kind, name, message); rest != nil {
		rest(name, message)
	}
}

// To nobody is sent nothing.
func TestAnEmptyRoute(t *testing.T) {
	inNetwork(t, 2, func(w *network) {
		route := w.nodes[0].Route(nil)
		w.nodes[0].Sender(1).sendAll(route, wire.KindEvent, []byte("news"), []byte("1"))
		w.flow()
		w.nodes[1].wantGot()
		w.wantStats(Stats{})
	})
}

// What cannot be sent or forwarded is counted, once for each node that does not get it.
func TestWhatCannotBeSentIsCounted(t *testing.T) {
	for name, row := range map[string]struct {
		trouble func(w *network)
		want    Stats
		took    time.Duration // of sending
	}{
		"no link":                     {func(w *network) { w.lose(0, nobodys) }, Stats{SendsFailed: 1}, 0},
		"no link to a forwarder":      {func(w *network) { w.lose(0, forwarder) }, Stats{SendsFailed: 2}, 0},
		"no room":                     {func(w *network) { w.fill(0, nobodys) }, Stats{SendsFailed: 1}, Patience},
		"no room to a forwarder":      {func(w *network) { w.fill(0, forwarder) }, Stats{SendsFailed: 2}, Patience},
		"no link to a leaf":           {func(w *network) { w.lose(forwarder, leaf) }, Stats{CopiesDropped: 1}, 0},
		"no room to a leaf":           {func(w *network) { w.fill(forwarder, leaf) }, Stats{CopiesDropped: 1}, 0},
		"no way from root to a leaf":  {func(w *network) { w.lose(0, leaf) }, Stats{}, 0},
		"no way from a leaf to other": {func(w *network) { w.lose(second, leaf) }, Stats{}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inNetwork(t, 40, func(w *network) {
				p := w.publisher(1)
				row.trouble(w)
				if took := p.took("1"); took != row.took {
					t.Errorf("sending takes %v, want %v", took, row.took)
				}
				begin := time.Now()
				w.flow()
				if took := time.Since(begin); took > forwardPatience {
					t.Errorf("forwarding takes %v", took)
				}
				w.wantStats(row.want)
				missed := 0
				for _, h := range w.nodes[1:] {
					missed += 1 - len(h.got)
				}
				if want := row.want.SendsFailed + row.want.CopiesDropped; missed != int(want) {
					t.Errorf("%d nodes have not got it, want %d", missed, want)
				}
			})
		})
	}
}

// The same of messages that go to all nodes directly, of either kind.
func TestWhatCannotBeSentDirectlyIsCounted(t *testing.T) {
	inNetwork(t, 5, func(w *network) {
		route, sender := w.nodes[0].Route(nodes(1, 5)), w.nodes[0].Sender(1)
		w.lose(0, 1)
		w.fill(0, 2)
		for _, kind := range []wire.Kind{wire.KindEvent, wire.KindBroadcast} {
			begin := time.Now()
			sender.sendAll(route, kind, []byte("news"), []byte("1"))
			if took := time.Since(begin); took != Patience {
				t.Errorf("took %v, want %v", took, Patience)
			}
		}
		w.flow()
		w.nodes[3].wantGot("1", "1")
		w.wantStats(Stats{SendsFailed: 4})
	})
}

// idle is a silent host whose lanes use one buffer again and again.
type idle struct {
	silent
	buffer []byte
}

func (h *idle) Link(transport.PeerID) (Link, bool)       { return h, true }
func (h *idle) Lane(uint64) Lane                         { return h }
func (h *idle) ForwardLane() Lane                        { return h }
func (h *idle) Begin(int, time.Duration) ([]byte, error) { return h.buffer[:0], nil }
func (h *idle) Commit(b []byte)                          { h.buffer = b }

// A message costs no allocation, whichever way it takes.
func TestSendingAllocatesNothing(t *testing.T) {
	m := New(new(idle), testLanes)
	defer m.Close()
	name, message, sender := []byte("news"), []byte("what has happened"), m.Sender(1)
	for _, n := range []int{3, 40} {
		route := m.Route(nodes(0, n))
		for _, kind := range []wire.Kind{wire.KindEvent, wire.KindBroadcast} {
			if got := testing.AllocsPerRun(100, func() { sender.Send(route, kind, name, message) }); got != 0 {
				t.Errorf("kind %d to %d nodes: %v allocations", kind, n, got)
			}
		}
	}
	forward := wire.Forward{Kind: wire.KindEvent, Name: name, Message: message, Nodes: nodes(0, 10)}
	if got := testing.AllocsPerRun(100, func() { forward.Order++; m.Forward(node(1), &forward) }); got != 0 {
		t.Errorf("forwarding: %v allocations", got)
	}
}
