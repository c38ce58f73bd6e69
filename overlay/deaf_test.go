package overlay

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/remote"
	"github.com/project-iris/iris/overlay/session"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// Large messages whose end never comes take as much memory as they may; those that find none are
// passed over, which gives back what they had. Others are served, and nobody loses a link.
func TestLargeMessagesThatNeverEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOf(t, 3, Config{FrameBytes: 8 << 20}, mem.Path{Delay: time.Millisecond})
		w.there(0, "service", echoing)
		caller := w.here("")
		w.pass()
		in := intrude(w)
		half := append([]byte{0x80, 0x80, 0x80, 0x10, byte(wire.TypeRequest)}, make([]byte, 3<<20)...)
		for _, s := range []transport.Stream{in.open(peers.KindLane), in.open(peers.KindLane), in.open(peers.KindLane)} {
			_, _ = s.Write(half)
		}
		w.pass()
		if refused := w.nodes[0].Stats().FramesRefused; refused == 0 || in.link.Context().Err() != nil {
			t.Errorf("%d messages were refused, and the link: %v", refused, in.link.Context().Err())
		}
		large := strings.Repeat("x", 2<<20)
		caller.ask(1, "service", large, time.Second)
		w.pass()
		caller.saw("1: reply " + large)
	})
}

// A node that reads nothing slows those who send to it for remote.Patience, and nobody
// else: events reach the others, all and in order.
func TestAPeerThatReadsNothingSlowsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, mem.Path{Delay: time.Millisecond})
		var seen int
		w.there(0, "", func(a *app) {
			a.event = func(_, event []byte) {
				if string(event[:5]) != fmt.Sprintf("%05d", seen) {
					t.Errorf("event %.5s came after %d others", event, seen)
				}
				seen++
			}
		}).subscribe("news")
		in := intrude(w, deaf)
		in.registerTopic("news")
		sender := w.here("")
		begin := time.Now()
		const events = 20_000
		for i := range events {
			sender.Publish([]byte("news"), fmt.Appendf(nil, "%05d%1000d", i, 0))
		}
		if took := time.Since(begin); took > 2*remote.Patience {
			t.Errorf("the sender was slowed for %v", took)
		}
		w.pass()
		if seen != events {
			t.Errorf("%d events came, want %d", seen, events)
		}
		if n := w.nodes[0].Stats().SendsFailed; n < events/2 || n > events {
			t.Errorf("%d events are counted as not sent", n)
		}
	})
}

// Requests go to a node that reads before anybody waits for one that does not.
func TestRequestsAvoidAPeerThatReadsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, mem.Path{Delay: time.Millisecond})
		quiet(t, w.nodes[1], "service", true)
		in := intrude(w, deaf)
		in.register("service")
		begin := time.Now()
		caller := quiet(t, w.nodes[0], "", true)
		const requests = 200
		for i := range uint64(requests) {
			caller.Request(i, []byte("service"), make([]byte, 1_000_000), time.Second)
			time.Sleep(10 * time.Millisecond)
		}
		if took := time.Since(begin) - requests*10*time.Millisecond; took > 0 {
			t.Errorf("the caller was slowed for %v", took)
		}
		time.Sleep(time.Second)
		if n := caller.replies.Load(); n < requests-50 {
			t.Errorf("%d of %d requests were answered", n, requests)
		}
	})
}

// A member that answers all callers in turn is stopped by one that reads nothing for
// remote.Patience, and not for good.
func TestACallerThatReadsNothingDoesNotStopAService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, mem.Path{Delay: time.Millisecond})
		work := make(chan func(), 100_000)
		defer close(work)
		go func() {
			for answer := range work {
				answer()
			}
		}()
		w.here("service", func(a *app) {
			a.serve = func(id uint64, body []byte, _ time.Duration) error {
				reply := bytes.Clone(body)
				work <- func() { a.Reply(id, true, reply) }
				return nil
			}
		})
		caller := w.there(0, "")
		w.pass()
		in := intrude(w, deaf)
		for lane := range uint64(session.RequestLanes) {
			s := in.open(peers.KindLane)
			for i := range uint64(100) {
				_ = write(s, &wire.Request{ID: lane + i*session.RequestLanes, Timeout: 1 << 62, Cluster: []byte("service"), Body: make([]byte, 100_000)})
			}
		}
		time.Sleep(session.RequestLanes*remote.Patience + time.Second)
		for id := range uint64(10) {
			caller.ask(id, "service", "hello", time.Second)
			w.pass()
			caller.saw(fmt.Sprint(id, ": reply hello"))
		}
		if n := w.nodes[0].Stats().RepliesDropped; n < 100 {
			t.Errorf("%d replies are counted as dropped", n)
		}
	})
}

// A request has one answer, whatever the node says that was asked.
func TestANodeThatAnswersBadly(t *testing.T) {
	reply := func(id uint64) wire.Message { return &wire.Reply{ID: id, Body: []byte("once")} }
	for _, row := range []struct {
		name   string
		says   func(*wire.Request) []wire.Message
		answer string
		ends   bool
	}{
		{"twice", func(m *wire.Request) []wire.Message { return []wire.Message{reply(m.ID), reply(m.ID)} }, "1: reply once", false},
		{"and refuses then", func(m *wire.Request) []wire.Message {
			return []wire.Message{reply(m.ID), &wire.Refusal{ID: m.ID, Cluster: m.Cluster, Body: m.Body}}
		}, "1: reply once", false},
		{"for others first", func(m *wire.Request) []wire.Message {
			return []wire.Message{reply(m.ID + 1), reply(1 << 63), reply(m.ID)}
		}, "1: reply once", false},
		{"with a status that there is not", func(m *wire.Request) []wire.Message {
			return []wire.Message{&wire.Reply{ID: m.ID, Status: 200, Load: 1 << 63, Body: []byte("?")}}
		}, "1: fault ?", false},
		{"that it is for another cluster", func(m *wire.Request) []wire.Message {
			return []wire.Message{&wire.Refusal{ID: m.ID, Reason: wire.ReasonNoMember, Cluster: []byte("other"), Body: m.Body}}
		}, "1: fault " + FaultMemberLost, true},
		{"that it was another request", func(m *wire.Request) []wire.Message {
			return []wire.Message{&wire.Refusal{ID: m.ID, Cluster: m.Cluster, Body: make([]byte, 10<<20)}}
		}, "1: fault " + FaultMemberLost, true},
		{"that it is overloaded", func(m *wire.Request) []wire.Message {
			return []wire.Message{&wire.Refusal{ID: m.ID, Reason: 99, Cluster: m.Cluster, Body: m.Body}}
		}, "1: timed out", false},
		{"nothing", func(*wire.Request) []wire.Message { return nil }, "1: timed out", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 2, mem.Path{Delay: time.Millisecond})
				other := w.there(0, "other", echoing)
				in := intrude(w, func(in *intruder) {
					lane := sync.OnceValue(func() transport.Stream { return in.open(peers.KindLane) })
					in.heard = func(_ transport.Stream, m wire.Message) {
						if m, ok := m.(*wire.Request); ok {
							_ = write(lane(), row.says(m)...)
						}
					}
				})
				in.register("service")
				caller := w.here("")
				caller.ask(1, "service", "hello", 2*time.Second)
				time.Sleep(3 * time.Second)
				caller.saw(row.answer)
				other.saw()
				if ended := in.link.Context().Err() != nil; ended != row.ends {
					t.Errorf("the link has ended: %t, want %t", ended, row.ends)
				}
			})
		})
	}
}

// still is an application that answers at once, or never, and writes nothing down.
type still struct {
	*Member
	answers bool
	replies atomic.Int64 // that it got
}

// quiet attaches one.
func quiet(t *testing.T, o *Overlay, cluster string, answers bool) *still {
	t.Helper()
	s := &still{answers: answers}
	m, err := o.Attach([]byte(cluster), s)
	if err != nil {
		t.Fatal(err)
	}
	s.Member = m
	return s
}

func (s *still) HandleRequest(id uint64, body []byte, _ time.Duration) error {
	if s.answers {
		s.Reply(id, true, body)
	}
	return nil
}

func (s *still) HandleBroadcast([]byte)                     {}
func (s *still) HandleTunnel(context.Context, Stream) error { return errRefused }
func (s *still) HandleEvent(_, _ []byte)                    {}
func (s *still) HandleReply(uint64, []byte)                 { s.replies.Add(1) }
func (s *still) HandleFault(uint64, []byte)                 {}
func (s *still) HandleLimit(error)                          {}
func (s *still) HandleTimeout(uint64)                       {}
