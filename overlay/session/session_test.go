package session_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/peers/peerstest"
	"github.com/project-iris/iris/overlay/session"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/budget"
	"github.com/project-iris/iris/transport/mem"
)

// node is a node that has sessions and writes down what comes.
type node struct {
	t        *testing.T
	frames   *wire.Budget
	counters session.Counters
	memory   *budget.Budget // nil: no limit
	deaf     bool           // it does not read lanes

	mu       sync.Mutex
	session  *session.Session // the latest
	events   []string
	told     []uint64 // sequences of digests
	controls int
	causes   []error // of links that ended
}

// HandleMessage notes an event.
func (n *node) HandleMessage(m wire.Message) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if e, ok := m.(*wire.Event); ok {
		n.events = append(n.events, fmt.Sprintf("%s %.20s", e.Topic, e.Event))
	}
}

// HandleDropped notes a request.
func (n *node) HandleDropped(t wire.Type, id uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if t == wire.TypeRequest {
		n.events = append(n.events, fmt.Sprintf("request %d is dropped", id))
	}
}

// HandleControl counts control streams.
func (n *node) HandleControl() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.controls++
}

// HandleDirectory notes a digest.
func (n *node) HandleDirectory(m wire.Message) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if d, ok := m.(*wire.Digest); ok {
		n.told = append(n.told, d.Sequence)
	}
}

func (n *node) LinkUp(p *peers.Peer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	config := session.Config{Peer: p, Frames: n.frames, Counters: &n.counters, Handler: n}
	if n.memory != nil {
		config.Memory = n.memory.Holder()
	}
	n.session = session.New(config)
}

func (n *node) LinkDown(_ *peers.Peer, cause error) {
	n.mu.Lock()
	n.causes = append(n.causes, cause)
	s := n.session
	n.mu.Unlock()
	s.Lose()
	s.Wait()
}

func (n *node) Stream(_ *peers.Peer, kind peers.Kind, s transport.Stream) {
	switch {
	case kind == peers.KindControl:
		n.current().ServeControl(s)
	case n.deaf:
		<-n.current().Context().Done()
	case kind == peers.KindLane:
		n.current().ServeLane(s)
	}
}

func (n *node) Datagram(*peers.Peer, []byte) {}

func (n *node) current() *session.Session {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.session
}

// pair returns two nodes with a link, after the options of the second were applied.
func pair(t *testing.T, options ...func(*node)) (a, b *node) {
	t.Helper()
	network := mem.NewNetwork(mem.Config{Path: mem.Path{Delay: time.Millisecond}})
	a, b = &node{t: t, frames: wire.NewBudget(1 << 20)}, &node{t: t, frames: wire.NewBudget(1 << 20)}
	for _, option := range options {
		option(b)
	}
	peerstest.Link(t, network, a, b)
	pass()
	return a, b
}

func pass() {
	time.Sleep(100 * time.Millisecond)
	synctest.Wait()
}

// send queues an event, and reports why it could not.
func send(l *session.Lane, topic string, event []byte, patience time.Duration) error {
	m := wire.Event{Topic: []byte(topic), Event: event}
	b, err := l.Begin(m.Size(), patience)
	if err == nil {
		l.Commit(m.Append(b))
	}
	return err
}

// What one sender sends comes in order, and all of it when the session is finished.
func TestMessagesComeInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		const senders, events = 6, 200
		var all sync.WaitGroup
		for sender := range uint64(senders) {
			all.Go(func() {
				for i := range events {
					if err := send(a.current().Lane(sender), fmt.Sprint(sender), fmt.Appendf(nil, "%04d", i), time.Second); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		a.current().Finish()
		synctest.Wait()
		if len(b.events) != senders*events {
			t.Errorf("%d events came, want %d", len(b.events), senders*events)
		}
		for sender := range senders {
			prefix := fmt.Sprint(sender, " ")
			got := slices.DeleteFunc(slices.Clone(b.events), func(e string) bool { return e[:2] != prefix })
			if !slices.IsSorted(got) {
				t.Errorf("events of sender %d came in another order", sender)
			}
		}
	})
}

// A node that does not read holds up who sends to it once, for the patience, and then
// nobody until it has read half of the lane.
func TestAFullLane(t *testing.T) {
	const size = 64 << 10
	synctest.Test(t, func(t *testing.T) {
		a, _ := pair(t, func(n *node) { n.deaf = true })
		lane, event := a.current().Lane(0), make([]byte, size)
		sent := 0
		for send(lane, "t", event, 0) == nil {
			sent++
			synctest.Wait()
		}
		if sent < session.LaneLimit/size {
			t.Errorf("a lane takes %d events", sent)
		}
		begin := time.Now()
		if err := send(lane, "t", event, time.Second); !errors.Is(err, session.ErrFull) || time.Since(begin) != time.Second {
			t.Errorf("a full lane: %v after %v", err, time.Since(begin))
		}
		begin = time.Now()
		if err := send(lane, "t", nil, time.Second); !errors.Is(err, session.ErrFull) || time.Since(begin) > 0 {
			t.Errorf("a lane that was waited for in vain: %v after %v", err, time.Since(begin))
		}
		if err := send(a.current().Lane(1), "t", event, 0); err != nil {
			t.Errorf("another lane: %v", err)
		}
		if given, waiting := a.current().Queued(); given < uint64(sent)*size || waiting < session.LaneLimit/2 {
			t.Errorf("given %d bytes, %d wait", given, waiting)
		}
		_ = a.current().Peer().Link().Close(nil)
		pass()
		if n := a.counters.Stats().BytesLost; n == 0 {
			t.Error("nothing is counted as lost with the link")
		}
		if err := send(lane, "t", nil, 0); err == nil || errors.Is(err, session.ErrFull) {
			t.Errorf("a lane of a link that has ended: %v", err)
		}
	})
}

// What waits for a node takes memory. Where there is none, what is large, and events, wait
// for some, small requests and the directory do not; and all is given back with the link.
func TestWhatWaitsForANodeTakesMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := budget.New(budget.Config{Name: "bytes", Limit: 1 << 20, Share: 1, Reserve: 1, Greed: 100})
		b, a := pair(t, func(n *node) { n.memory = m })
		b.deaf = true
		idle := m.Stats().Used
		if idle < 64<<10 {
			t.Errorf("a link takes %d bytes", idle)
		}
		s := a.current()
		taken := func() int64 { return m.Stats().Used }
		events, requests := s.EventLane(session.RequestLanes), s.Lane(0) // not the same, in any version
		fill := func(l *session.Lane, size int) {
			t.Helper()
			if err := send(l, "t", make([]byte, size), 0); err != nil {
				t.Fatal(err)
			}
		}
		waiting := 0
		for waiting < 200<<10 { // after the stream has taken what it takes
			fill(events, 100<<10)
			synctest.Wait()
			_, waiting = s.Queued()
		}
		if taken() < idle+200<<10 {
			t.Errorf("%d bytes are taken, %d wait", taken()-idle, waiting)
		}
		others := m.Holder()
		for size := int64(1 << 20); size > 0; size /= 2 {
			for others.Take(size) == nil {
				continue
			}
		}
		full := taken()
		began := time.Now()
		for _, l := range []*session.Lane{events, requests} {
			if err := send(l, "t", make([]byte, 100<<10), 0); !errors.Is(err, session.ErrFull) {
				t.Errorf("there is no memory, and a lane says %v", err)
			}
			if err := send(l, "t", make([]byte, 100<<10), time.Second); !errors.Is(err, session.ErrFull) {
				t.Errorf("there is no memory, and a lane says %v", err)
			}
		}
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("two that wait for memory waited %v", took)
		}
		fill(requests, 4<<10-100)
		for range 20 {
			fill(requests, 4<<10-100)
		}
		if taken() == full {
			t.Error("small requests that wait take no memory")
		}
		full = taken()
		for range 1000 {
			s.Tell(&wire.Digest{})
		}
		if n := a.counters.Stats().ControlsDropped; n != 0 || taken() == full {
			t.Errorf("%d words of the directory are dropped, %d bytes taken", n, taken()-full)
		}
		synctest.Wait()
		full = taken() - others.Held()
		time.AfterFunc(100*time.Millisecond, func() { others.Close() })
		began = time.Now()
		if err := send(events, "t", nil, time.Second); err != nil || time.Since(began) > 100*time.Millisecond {
			t.Errorf("there is memory again, and a lane says %v after %v", err, time.Since(began))
		}
		if more := taken() - full; more > 72<<10 {
			t.Errorf("%d bytes are taken for a small event", more)
		}
		_ = s.Peer().Link().Close(nil)
		pass()
		if taken() != 0 {
			t.Errorf("%d bytes are taken after the link", taken())
		}
	})
}

// Short messages are not dropped for want of room, up to a bound that costs the link.
func TestShortMessagesAreNotDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := pair(t, func(n *node) { n.deaf = true })
		lane, s := a.current().Lane(0), a.current()
		for send(lane, "t", make([]byte, 1<<20), 0) == nil {
			synctest.Wait()
		}
		short := wire.Reply{ID: 1, Status: wire.StatusFault, Body: make([]byte, 200)}
		n := 0
		for !s.Ended() && n < 1<<17 {
			if b, err := lane.BeginShort(short.Size()); err == nil {
				lane.Commit(short.Append(b))
				n++
			}
			if n%1000 == 0 {
				synctest.Wait()
			}
		}
		pass()
		if n < 10_000 || !s.Ended() {
			t.Errorf("%d short messages were taken; the link has ended: %v", n, s.Ended())
		}
	})
}

// What breaks the protocol costs the link, with a reason.
func TestBadPeersLoseTheirLink(t *testing.T) {
	open := func(t *testing.T, from *node) transport.Stream {
		s, err := from.current().Peer().Open(t.Context(), peers.KindLane)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, row := range []struct {
		name string
		code transport.Code
		do   func(t *testing.T, from *node)
	}{
		{"garbage", transport.CodeProtocol, func(t *testing.T, from *node) {
			_, _ = open(t, from).Write(bytes.Repeat([]byte{0xff}, 20))
		}},
		{"too many lanes", transport.CodeProtocol, func(t *testing.T, from *node) {
			for range session.RequestLanes + session.EventLanes + 2 {
				_, _ = open(t, from).Write([]byte{5})
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pair(t)
				go row.do(t, a)
				pass()
				b.mu.Lock()
				defer b.mu.Unlock()
				if len(b.causes) != 1 {
					t.Fatalf("%d links have ended, want 1", len(b.causes))
				}
				closed, ok := errors.AsType[*transport.ClosedError](b.causes[0])
				if !ok || closed.Code != row.code {
					t.Errorf("the link has ended with %v, want code %v", b.causes[0], row.code)
				}
				if refused := b.counters.Stats().FramesRefused; (refused == 1) != (row.code == transport.CodeBusy) {
					t.Errorf("%d frames are counted as refused", refused)
				}
			})
		})
	}
}

// What the directories say to each other comes in order; what cannot be said is counted.
func TestControl(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		if a.controls != 1 || b.controls != 1 {
			t.Errorf("%d and %d control streams, want one each", a.controls, b.controls)
		}
		for i := range uint64(100) {
			a.current().Tell(&wire.Digest{Epoch: 1, Sequence: i})
		}
		pass()
		if len(b.told) != 100 || !slices.IsSorted(b.told) {
			t.Errorf("told %v", b.told)
		}
		if n := a.counters.Stats().ControlsDropped; n != 0 {
			t.Errorf("%d are counted as dropped", n)
		}
		_ = a.current().Peer().Link().Close(nil)
		pass()
		a.current().Tell(&wire.Digest{})
		if n := a.counters.Stats().ControlsDropped; n != 1 {
			t.Errorf("%d are counted as dropped, want 1", n)
		}
	})
}

// A message that there is no memory for is dropped and counted, and costs the link nothing: others
// have their requests on it. Of a request the handler is told.
func TestAMessageWithoutMemoryDoesNotCostTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		s, err := a.current().Peer().Open(t.Context(), peers.KindLane)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			event, request := wire.Event{Event: make([]byte, 4<<20)}, wire.Request{ID: 7, Body: make([]byte, 4<<20)}
			_, _ = s.Write(request.Append(event.Append(nil)))
		}()
		pass()
		b.mu.Lock()
		defer b.mu.Unlock()
		if refused := b.counters.Stats().FramesRefused; len(b.causes) != 0 || refused != 2 {
			t.Errorf("%d links have ended, and %d frames are counted as refused", len(b.causes), refused)
		}
		if len(b.events) != 1 || b.events[0] != "request 7 is dropped" {
			t.Errorf("the handler has heard %q", b.events)
		}
	})
}
