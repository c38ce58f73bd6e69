package overlay

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/project-iris/iris/overlay/discovery"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// connect starts nodes of a network in memory without delay, in real time. They find
// each other soon.
func connect(tb testing.TB, n int) []*Overlay {
	tb.Helper()
	network := mem.NewNetwork(mem.Config{Versions: Versions()})
	nodes := make([]*Overlay, n)
	for i := range nodes {
		end := network.Node(sha256.Sum256(fmt.Append(nil, i)))
		listener, err := end.Listen(tb.Context(), fmt.Sprintf("mem://%d", i))
		if err != nil {
			tb.Fatal(err)
		}
		config := Network{Self: end.ID(), Transport: end, Listener: listener, Address: listener.Addr()}
		nodes[i] = New(Config{})
		if err := nodes[i].Connect(config); err != nil {
			tb.Fatal(err)
		}
		if i > 0 {
			if _, err := nodes[i].Network().Reach(tb.Context(), "mem://0", transport.PeerID{}, discovery.ByJoin); err != nil {
				tb.Fatal(err)
			}
		}
		tb.Cleanup(func() {
			nodes[i].Close()
			end.Close()
		})
	}
	return nodes
}

// echo answers each request at once, and says of each answer and event that it came.
type echo struct {
	*Member
	came chan struct{}
}

func attachEcho(tb testing.TB, o *Overlay, cluster string) *echo {
	tb.Helper()
	e := &echo{came: make(chan struct{}, 1<<16)}
	attached := make(chan struct{})
	m, err := o.Attach([]byte(cluster), &echoHandler{e, attached})
	if err != nil {
		tb.Fatal(err)
	}
	e.Member = m
	close(attached)
	return e
}

type echoHandler struct {
	echo     *echo
	attached chan struct{}
}

func (h *echoHandler) HandleRequest(id uint64, body []byte, _ time.Duration) error {
	<-h.attached
	h.echo.Reply(id, true, body)
	return nil
}

func (h *echoHandler) HandleBroadcast([]byte)                     {}
func (h *echoHandler) HandleTunnel(context.Context, Stream) error { return errRefused }
func (h *echoHandler) HandleEvent(_, _ []byte)                    { h.echo.came <- struct{}{} }

func (h *echoHandler) HandleReply(uint64, []byte) { h.echo.came <- struct{}{} }
func (h *echoHandler) HandleFault(uint64, []byte) { panic("a fault") }
func (h *echoHandler) HandleLimit(error)          {}
func (h *echoHandler) HandleTimeout(uint64)       { panic("timed out") }

// request sends a request and waits for its reply.
func (e *echo) request(cluster []byte) {
	e.Request(1, cluster, testBody, time.Minute)
	<-e.came
}

// publish sends an event and waits until all have it.
func (e *echo) publish(to []*echo) {
	e.Publish(testName, testBody)
	for _, s := range to {
		<-s.came
	}
}

// subscribers are applications on all nodes but the first, which get what the sender
// on the first publishes when this returns.
func subscribers(tb testing.TB, nodes []*Overlay) (sender *echo, all []*echo) {
	tb.Helper()
	sender = attachEcho(tb, nodes[0], "")
	for i, o := range nodes[1:] {
		name := fmt.Sprint("of node ", i)
		s := attachEcho(tb, o, name)
		if err := s.Subscribe(testName); err != nil {
			tb.Fatal(err)
		}
		sender.request([]byte(name)) // the subscription is known where this name is: it came before
		all = append(all, s)
	}
	sender.Publish(testName, testBody)
	return sender, settleEvents(tb, sender, all)
}

// settleEvents publishes until all have got an event, and takes all that came.
func settleEvents(tb testing.TB, sender *echo, all []*echo) []*echo {
	tb.Helper()
	deadline := time.After(10 * time.Second)
	for _, s := range all {
		for heard := false; !heard; {
			select {
			case <-s.came:
				heard = true
			case <-time.After(20 * time.Millisecond):
				sender.Publish(testName, testBody)
			case <-deadline:
				tb.Fatal("a subscriber hears nothing")
			}
		}
	}
	// What one member sends to a node comes in order: behind the replies nothing is left.
	for i := range all {
		sender.request(fmt.Append(nil, "of node ", i))
	}
	for _, s := range all {
		for len(s.came) > 0 {
			<-s.came
		}
	}
	return all
}

// BenchmarkRemoteRequest is a request and its reply between applications of two nodes,
// one after the other, and many at a time.
func BenchmarkRemoteRequest(b *testing.B) {
	nodes := connect(b, 2)
	attachEcho(b, nodes[1], "name")
	b.Run("one", func(b *testing.B) {
		caller := attachEcho(b, nodes[0], "")
		caller.request(testName)
		b.ReportAllocs()
		for b.Loop() {
			caller.request(testName)
		}
	})
	b.Run("64 open", func(b *testing.B) {
		caller := attachEcho(b, nodes[0], "")
		for range 64 {
			caller.Request(1, testName, testBody, time.Minute)
		}
		b.ReportAllocs()
		for b.Loop() {
			<-caller.came
			caller.Request(1, testName, testBody, time.Minute)
		}
		for range 64 {
			<-caller.came
		}
	})
}

// BenchmarkRemotePublish is an event to subscribers on other nodes, until all have it.
func BenchmarkRemotePublish(b *testing.B) {
	for _, n := range []int{1, 8} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			sender, all := subscribers(b, connect(b, 1+n))
			b.ReportAllocs()
			for b.Loop() {
				sender.publish(all)
			}
		})
	}
}

// pingPong is what the transport itself costs: it writes a frame on one stream and waits
// for as much on another.
func pingPong(t *testing.T) func() {
	t.Helper()
	network := mem.NewNetwork(mem.Config{Versions: Versions()})
	one, other := network.Node(transport.PeerID{1}), network.Node(transport.PeerID{2})
	t.Cleanup(func() {
		one.Close()
		other.Close()
	})
	listener, err := other.Listen(t.Context(), "other")
	if err != nil {
		t.Fatal(err)
	}
	near, err := one.Dial(t.Context(), "other", transport.PeerID{})
	if err != nil {
		t.Fatal(err)
	}
	far, err := listener.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := near.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	request := wire.Request{Cluster: testName, Body: testBody}
	frame := request.Append(nil)
	if _, err := s.Write(frame); err != nil {
		t.Fatal(err)
	}
	echoes, err := far.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(echoes, echoes) }()
	buf := make([]byte, len(frame))
	_, _ = io.ReadFull(s, buf)
	return func() {
		_, _ = s.Write(frame)
		_, _ = io.ReadFull(s, buf)
	}
}

// Between nodes, too, messages cost no garbage at either end, but for what the transport
// makes of them.
func TestRemoteMessagesDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector sync.Pool drops a part of what it is given")
	}
	const runs = 5000
	round := pingPong(t)
	least := testing.AllocsPerRun(runs, round)
	nodes := connect(t, 2)
	attachEcho(t, nodes[1], "name")
	caller := attachEcho(t, nodes[0], "")
	caller.request(testName)
	n := testing.AllocsPerRun(runs, func() { caller.request(testName) })
	t.Logf("a round trip of the transport costs %v allocations, a request %v", least, n)
	if n > least {
		t.Errorf("a request costs %v allocations, a round trip of the transport %v", n, least)
	}
	sender, all := subscribers(t, connect(t, 3))
	n = testing.AllocsPerRun(runs, func() { sender.publish(all) })
	t.Logf("an event to two nodes costs %v", n)
	if n > least { // two ways, as a round trip
		t.Errorf("an event to two nodes costs %v allocations, two writes of the transport %v", n, least)
	}
}
