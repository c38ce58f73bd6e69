package relay_test

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay"
	"github.com/project-iris/iris/relay/wire"
)

const eventSize = 16 << 10

// event returns the n-th event, of eventSize bytes.
func event(n int) []byte {
	return []byte(fmt.Sprintf("%08d", n) + strings.Repeat("e", eventSize-8))
}

// consumer reads events in the background, and checks their order.
type consumer struct {
	*application
	mu  sync.Mutex
	got int // events
}

func consume(a *application) *consumer {
	c := &consumer{application: a}
	go c.run()
	return c
}

func (c *consumer) run() {
	for last := -1; ; {
		m, err := c.reader.Read()
		if err != nil {
			return
		}
		number, err := strconv.Atoi(string(m.(*wire.Publish).Event[:8]))
		if err != nil || number <= last {
			c.t.Errorf("event %d after %d (%v)", number, last, err)
		}
		last = number
		c.mu.Lock()
		c.got++
		c.mu.Unlock()
	}
}

func (c *consumer) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.got
}

// readSlowly lets an application read so many bytes at a time, with a pause before.
func (a *application) readSlowly(bytes int, pause time.Duration) {
	a.reader = wire.NewReader(&slowReader{from: a.conn, bytes: bytes, pause: pause}, wire.FromRelay, wire.Limits{})
}

// slowReader reads at a pace.
type slowReader struct {
	from  io.Reader
	bytes int // in each read, at most
	pause time.Duration
}

func (r *slowReader) Read(b []byte) (int, error) {
	time.Sleep(r.pause)
	return r.from.Read(b[:min(len(b), r.bytes)])
}

func TestAConsumerThatStopsReadingIsBoundedNamedAndEnded(t *testing.T) {
	config := relay.Config{QueueLimit: 1 << 20}
	inBubble(t, config, func(t *testing.T, n *node) {
		healthy, stuck := n.attach(""), n.attach("svc")
		c := consume(healthy)
		began := time.Now()
		const count = 4000
		for i := range count { // one every 10 ms, which is 40 s
			time.Sleep(time.Until(began.Add(time.Duration(i) * 10 * time.Millisecond)))
			for _, a := range []*application{stuck, healthy} {
				a.member.app.HandleEvent([]byte("t"), event(i))
			}
			if i == 1000 {
				if err := stuck.member.app.HandleRequest(1, nil, time.Second); err == nil {
					t.Error("a request was taken for an application that does not read")
				}
				n.log.expect(t, "reads too slowly", "app=app-2", "cluster=svc")
			}
		}
		synctest.Wait()
		if took := time.Since(began); took > 41*time.Second {
			t.Errorf("sending took %v instead of 40s", took)
		}
		if got := c.count(); got != count {
			t.Errorf("the other got %d events of %d", got, count)
		}
		n.log.expectLines(t, "slow application is gone", "stopped reading")
		stats := n.relay.Stats()
		if stats.Stalled != 1 || stats.RequestsRefused != 1 {
			t.Errorf("counted %d stalled, %d requests refused, want one of each", stats.Stalled, stats.RequestsRefused)
		}
		// Ended between three quarters of 30 s and 30 s; after that nothing is dropped,
		// as there is nobody to drop it for.
		queued := uint64(config.QueueLimit/eventSize) + 1
		if d := stats.EventsDropped + queued; d < 2250 || d > 3050 {
			t.Errorf("%d events were dropped", stats.EventsDropped)
		}
		if !stuck.member.isClosed() {
			t.Error("the application is still attached")
		}
	})
}

// Subscribers on a host that hangs, say.
func TestManyConsumersThatStopCostTheirSendersOneWait(t *testing.T) {
	inBubble(t, relay.Config{QueueLimit: 64 << 10}, func(t *testing.T, n *node) {
		var stuck []*application
		for range 50 {
			stuck = append(stuck, n.attach(""))
		}
		var waited time.Duration
		began := time.Now()
		for i := range 3000 { // one every 10 ms
			time.Sleep(time.Until(began.Add(time.Duration(i) * 10 * time.Millisecond)))
			before := time.Now()
			for _, a := range stuck {
				a.member.app.HandleEvent([]byte("t"), event(i))
			}
			waited += time.Since(before)
		}
		if waited > 200*time.Millisecond {
			t.Errorf("a sender waited %v for 50 receivers that have stopped", waited)
		}
	})
}

// expectLines checks that each part is in exactly one of the lines since the last time.
func (l *logbook) expectLines(t *testing.T, parts ...string) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	text := strings.Join(l.lines, "\n")
	if len(l.lines) != len(parts) {
		t.Errorf("%d lines were logged, want %d:\n%s", len(l.lines), len(parts), text)
	}
	for _, part := range parts {
		if strings.Count(text, part) != 1 {
			t.Errorf("log says\n%s\nwant once %q", text, part)
		}
	}
	l.lines = nil
}

func TestTheQueueOfAConsumerIsBoundedInBytes(t *testing.T) {
	config := relay.Config{QueueLimit: 1 << 20}
	inBubble(t, config, func(t *testing.T, n *node) {
		a := n.attach("svc")
		for i := range 1000 {
			a.member.app.HandleEvent([]byte("t"), event(i))
			a.member.app.HandleBroadcast(event(i))
		}
		bytes := 0
		a.conn.SetReadDeadline(time.Now().Add(time.Second))
		for {
			m, err := a.reader.Read()
			if err != nil {
				break
			}
			bytes += m.Size()
		}
		if bytes > config.QueueLimit+2*eventSize {
			t.Errorf("%d bytes waited, with a limit of %d", bytes, config.QueueLimit)
		}
		stats := n.relay.Stats()
		if stats.EventsDropped == 0 || stats.BroadcastsDropped == 0 ||
			int(stats.EventsDropped+stats.BroadcastsDropped)+bytes/eventSize != 2000 {
			t.Errorf("%d events and %d broadcasts were dropped of 2000, %d came",
				stats.EventsDropped, stats.BroadcastsDropped, bytes/eventSize)
		}
	})
}

func TestASlowerConsumerSlowsItsSendersAndLosesNothing(t *testing.T) {
	for _, senders := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d senders", senders), func(t *testing.T) {
			inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
				a := n.attach("")
				a.readSlowly(4<<10, 2*time.Millisecond) // at most 2 MB/s
				var done, sending sync.WaitGroup
				total := 20 << 20 / eventSize
				done.Go(func() {
					for range total / senders * senders {
						a.read()
					}
				})
				began := time.Now()
				for range senders {
					sending.Go(func() {
						for i := range total / senders {
							a.member.app.HandleEvent([]byte("t"), event(i))
						}
					})
				}
				sending.Wait()
				if took := time.Since(began); took < 5*time.Second {
					t.Errorf("sending took %v, faster than the receiver", took)
				}
				if got := n.relay.Stats().EventsDropped; got != 0 {
					t.Fatalf("%d events were dropped", got)
				}
				done.Wait()
				n.log.expect(t)
			})
		})
	}
}

func TestASlowConsumerIsNamedEachTimeItFallsBehindAndWhenItHasCaughtUp(t *testing.T) {
	inBubble(t, relay.Config{QueueLimit: 1 << 20}, func(t *testing.T, n *node) {
		a := n.attach("")
		for range 3 {
			for i := range 200 {
				a.member.app.HandleEvent([]byte("t"), event(i))
			}
			n.log.expect(t, "reads too slowly", "app=app-1")
			dropped := n.relay.Stats().EventsDropped
			a.conn.SetReadDeadline(time.Now().Add(time.Second))
			for {
				if _, err := a.reader.Read(); err != nil {
					break
				}
			}
			a.conn.SetReadDeadline(time.Time{})
			a.reader = wire.NewReader(a.conn, wire.FromRelay, wire.Limits{})
			a.member.app.HandleEvent([]byte("t"), event(1))
			a.read()
			n.log.expect(t, "caught up", "app=app-1")
			if got := n.relay.Stats().EventsDropped; got != dropped {
				t.Errorf("%d events were dropped for one that has caught up", got-dropped)
			}
			time.Sleep(time.Minute)
		}
	})
}

// A drop is a drop only for an application that is there.
func TestAnApplicationThatGoesWhileASenderWaitsIsNotSlow(t *testing.T) {
	inBubble(t, relay.Config{QueueLimit: 1 << 20, Patience: time.Hour, StallTimeout: 24 * time.Hour}, func(t *testing.T, n *node) {
		a := n.attach("")
		go func() {
			for i := range 100 {
				a.member.app.HandleEvent([]byte("t"), event(i))
			}
		}()
		synctest.Wait()
		a.conn.Close()
		synctest.Wait()
		if got := n.relay.Stats().EventsDropped; got != 0 {
			t.Errorf("%d events were counted as dropped", got)
		}
		n.log.expect(t)
	})
}

func TestAConsumerThatTakesALittleIsNotEnded(t *testing.T) {
	inBubble(t, relay.Config{QueueLimit: 1 << 20}, func(t *testing.T, n *node) {
		a := n.attach("")
		for i := range 20 {
			a.member.app.HandleEvent([]byte("t"), event(i))
		}
		a.readSlowly(1000, 20*time.Second)
		for i := range 20 { // near two hours
			a.expect(&wire.Publish{Topic: []byte("t"), Event: event(i)})
		}
		a.reader = wire.NewReader(a.conn, wire.FromRelay, wire.Limits{})
		a.expectAlive()
	})
}

func TestAClientThatReadsNoAnswersIsHeldBackAndAnsweredOverloaded(t *testing.T) {
	config := relay.Config{QueueLimit: 1 << 20}
	const replySize, count = 64 << 10, 2000
	inBubble(t, config, func(t *testing.T, n *node) {
		a, other := n.attach(""), n.attach("svc")
		asked := 0
		var pending []uint64
		a.member.onRequest = func(id uint64, _, _ []byte, _ time.Duration) {
			asked++
			if pending = append(pending, id); len(pending) == 100 { // answers lag behind
				for _, id := range pending {
					a.member.app.HandleReply(id, make([]byte, replySize))
				}
				pending = nil
			}
		}
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for id := range uint64(count) {
				a.send(request(id))
			}
		}()
		synctest.Wait()
		if asked > 200 {
			t.Errorf("%d requests were read from a client that reads no answers", asked)
		}
		other.expectAlive()

		whole, overloaded := 0, 0
		for range count {
			m := a.read().(*wire.Result)
			switch {
			case m.OK && len(m.Body) == replySize:
				whole++
			case !m.OK && strings.HasPrefix(string(m.Body), "overloaded"):
				overloaded++
			default:
				t.Fatalf("got %s", show(m))
			}
		}
		if whole < 32 || overloaded == 0 || uint64(overloaded) != n.relay.Stats().ResultsReplaced {
			t.Errorf("%d whole and %d overloaded, %d counted", whole, overloaded, n.relay.Stats().ResultsReplaced)
		}
		<-sent
		a.expectNothing()
	})
}

func TestTheAnswersThatWaitAreBoundedInBytes(t *testing.T) {
	config := relay.Config{QueueLimit: 1 << 20}
	inBubble(t, config, func(t *testing.T, n *node) {
		a := n.attach("")
		before := heap()
		body := make([]byte, 64<<10)
		for id := range uint64(10_000) { // 640 MB
			a.member.app.HandleReply(id, body)
		}
		if grown := heap() - before; grown > 2*config.QueueLimit+len(body)+10_000*64+1<<20 {
			t.Errorf("%d bytes wait for an application that does not read", grown)
		}
	})
}

// What waits for an application that is held back is written when the node stops.
func TestStopWritesWhatWaitsForAClientThatIsHeldBack(t *testing.T) {
	inBubble(t, relay.Config{QueueLimit: 64 << 10}, func(t *testing.T, n *node) {
		a := n.attach("")
		synctest.Wait() // it waits for a frame, and is held back behind that
		for id := range uint64(4) {
			a.member.app.HandleReply(id, make([]byte, 64<<10))
		}
		a.send(request(9)) // read, and then nothing more is
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			n.relay.Close(t.Context())
		}()
		synctest.Wait()
		for range 2 {
			if m := a.read().(*wire.Result); !m.OK {
				t.Errorf("got %s", show(m))
			}
		}
		for range 2 {
			if m := a.read().(*wire.Result); m.OK {
				t.Errorf("got %s", show(m))
			}
		}
		a.expectEnd()
		<-stopped
	})
}

// The network is told when there is room for a request again that was refused.
func TestTheNetworkIsToldOfRoomAfterARefusal(t *testing.T) {
	inBubble(t, relay.Config{QueueLimit: 1 << 20}, func(t *testing.T, n *node) {
		a := n.attach("svc")
		told := make(chan struct{}, 100)
		a.member.onResume = func() { told <- struct{}{} }
		body := make([]byte, 1<<20)
		refused := false
		for id := range uint64(4) { // one is written, and waits for its reader
			refused = a.member.app.HandleRequest(id, body, time.Second) != nil
			synctest.Wait()
		}
		if !refused || len(told) != 0 {
			t.Errorf("refused: %v, told %d times, want no room and nothing told", refused, len(told))
		}
		go func() { _, _ = io.Copy(io.Discard, a.conn) }()
		synctest.Wait()
		if len(told) != 1 {
			t.Errorf("told %d times of room, want once", len(told))
		}
		if err := a.member.app.HandleRequest(9, body, time.Second); err != nil {
			t.Errorf("there is no room: %v", err)
		}
	})
}

// A service may be given requests while it attaches, more than its queue takes. The network is told
// of room after that as well.
func TestTheNetworkIsToldOfRoomAfterARefusalAtTheAttach(t *testing.T) {
	inBubble(t, relay.Config{QueueLimit: 64 << 10}, func(t *testing.T, n *node) {
		resumed := make(chan struct{}, 8)
		taken := 0
		n.mesh.onAttach = func(m *fakeMember) error {
			m.onResume = func() { resumed <- struct{}{} }
			for m.app.HandleRequest(uint64(taken), make([]byte, 10<<10), time.Minute) == nil {
				taken++
			}
			return nil
		}
		service := n.attach("svc")
		for range taken {
			service.read()
		}
		synctest.Wait()
		if len(resumed) != 1 {
			t.Errorf("the network is told %d times that there is room", len(resumed))
		}
	})
}
