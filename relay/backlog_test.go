package relay_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay"
	"github.com/project-iris/iris/relay/wire"
	"github.com/project-iris/iris/transport/budget"
)

// way is the way to other nodes: while it is closed, what is published waits.
type way struct {
	member *fakeMember

	mu     sync.Mutex
	opened chan struct{} // nil: it is open
	begun  int           // messages that have begun to wait, and not behind others
}

// closedWay has a way to other nodes closed for what an application publishes.
func closedWay(a *application) *way {
	w := &way{member: a.member, opened: make(chan struct{})}
	a.member.onWay = w.start
	return w
}

func (w *way) start(topic, event []byte, behind bool) (rest func(topic, event []byte)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	opened := w.opened
	if opened == nil && !behind {
		return nil
	}
	if !behind {
		w.begun++
	}
	return func(topic, event []byte) {
		if opened != nil {
			<-opened
		}
		w.member.record("publish %s: %.40s", topic, event)
	}
}

func (w *way) open() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.opened)
	w.opened = nil
}

func news(text string) *wire.Publish { return &wire.Publish{Topic: []byte("t"), Event: []byte(text)} }

// What waits for a way is sent in order, and what is published later behind it; requests are not
// held up.
func TestWhatWaitsForAWayIsSentInOrder(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.attach("")
		w := closedWay(a)
		a.send(news("1"), news("2"), request(1), news("3"))
		a.member.expect(t, "request 1 to svc: ?, within 1s")
		w.open()
		a.send(news("4"))
		a.member.expect(t, "publish t: 1", "publish t: 2", "publish t: 3", "publish t: 4")
		a.send(news("5"), request(2))
		a.member.expect(t, "publish t: 5", "request 2 to svc: ?, within 1s")
		if w.begun != 1 {
			t.Errorf("%d messages began to wait, want one, with the others behind it", w.begun)
		}
	})
}

// What waits is bounded, and counts as memory of the application: one that publishes more is read
// no more until the way is open.
func TestWhatWaitsForAWayIsBounded(t *testing.T) {
	inMemory(t, 64, func(t *testing.T, n *node, m *budget.Budget) {
		a := n.attach("")
		w := closedWay(a)
		before := m.Stats().Used
		body := string(make([]byte, 100<<10))
		want := []string{}
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			for i := range 20 {
				a.send(news(fmt.Sprint(i) + body))
			}
			a.send(request(1))
		}()
		for i := range 20 {
			want = append(want, fmt.Sprintf("publish t: %.40s", fmt.Sprint(i)+body))
		}
		time.Sleep(time.Minute)
		a.member.expect(t)
		if used := m.Stats().Used - before; used < 900<<10 || used > 1300<<10 {
			t.Errorf("%d bytes are taken for what waits and what is read, want about 1 MiB", used)
		}
		w.open()
		<-sent
		a.member.expect(t, append(want, "request 1 to svc: ?, within 1s")...)
	})
}

// A message that is larger than all that may wait is sent nevertheless, and one that there is no
// memory for.
func TestALargeMessageWaitsForAWay(t *testing.T) {
	inMemory(t, 8, func(t *testing.T, n *node, _ *budget.Budget) {
		a := n.attach("")
		w := closedWay(a)
		large, larger := string(make([]byte, 2<<20)), string(make([]byte, 3<<20))
		go a.send(news("1"+large), news("2"+larger), news("3"))
		time.Sleep(3 * time.Second)
		a.member.expect(t)
		w.open()
		a.member.expect(t, "publish t: 1"+large[:39], "publish t: 2"+larger[:39], "publish t: 3")
	})
}

// An application that leaves while something waits is detached when that is sent, and gets the
// answer to its CLOSE then. One that is gone is detached at once, so that others have what it was
// given; what it has waiting is sent for four seconds more, and then dropped, which is counted.
func TestWhatWaitsOutlivesItsApplication(t *testing.T) {
	for _, row := range []struct {
		name  string
		leave func(a *application)
		gone  bool // it is detached at once
	}{
		{"in good order", func(a *application) { a.send(&wire.Close{}) }, false},
		{"without", func(a *application) { a.conn.Close() }, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
				a := n.attach("")
				w := closedWay(a)
				a.send(news("1"), news("2"))
				synctest.Wait()
				row.leave(a)
				time.Sleep(3 * time.Second)
				synctest.Wait()
				if gone := a.member.isClosed(); gone != row.gone {
					t.Errorf("the application is detached while something waits: %v", gone)
				}
				w.open()
				synctest.Wait()
				if !a.member.isClosed() {
					t.Error("the application is not detached when all is sent")
				}
				if s := n.relay.Stats(); s.EventsUnsent != 0 {
					t.Errorf("%d events are counted as not sent", s.EventsUnsent)
				}
			})
		})
	}
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.attach("")
		w := closedWay(a)
		a.send(news("1"), news("2"), news("3"), &wire.Broadcast{Cluster: []byte("t"), Message: []byte("4")})
		synctest.Wait()
		a.conn.Close()
		time.Sleep(5 * time.Second)
		w.open() // for the first
		a.member.expect(t, "close", "publish t: 1")
		if s := n.relay.Stats(); s.EventsUnsent != 2 || s.BroadcastsUnsent != 1 {
			t.Errorf("%d events and %d broadcasts are counted as not sent, want 2 and 1", s.EventsUnsent, s.BroadcastsUnsent)
		}
	})
}
