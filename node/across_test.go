package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/overlay/discovery"
	"github.com/project-iris/iris/relay"
	"github.com/project-iris/iris/relay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// What existing bindings depend on, by the rules of the relay protocol, with a service at
// one node and its caller at another.
var acrossNodes = []struct {
	name string
	play func(t *testing.T, here, there *relayNode)
}{
	{"Rule 3: whoever has its INIT can be reached", playReached},
	{"Rule 13: what follows a subscription", playSubscribed},
	{"Rules 5, 7, 8: one REPLY for every REQUEST", playReplies},
	{"Rule 6: timeouts", playTimeouts},
	{"Rule 10: a request waits for a member", playWaiting},
	{"Rules 11, 12, 14: to the right ones", playKinds},
	{"Rule 13: subscriptions", playSubscriptions},
	{"Rule 27: detach", playDetach},
	{"a service that is lost", playLost},
}

func TestRulesHoldAcrossNodes(t *testing.T) {
	for _, row := range acrossNodes {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, here, there := startTwoRelays(t, 0)
				row.play(t, here, there)
			})
		})
	}
}

// playReached has a service reached by whatever is sent when its INIT has come, without
// another moment.
func playReached(t *testing.T, here, there *relayNode) {
	caller := here.attach(t, "")
	for i := range 40 {
		cluster := fmt.Sprint("svc ", i)
		if i%2 == 0 { // its node knows that nobody serves it
			caller.send(&wire.Broadcast{Cluster: []byte(cluster), Message: []byte("to nobody")})
			synctest.Wait()
		}
		began := time.Now()
		service := there.attach(t, cluster)
		if took := time.Since(began); took > 5*time.Millisecond {
			t.Errorf("to attach took %v", took)
		}
		caller.send(&wire.Broadcast{Cluster: []byte(cluster), Message: []byte("hello")})
		service.expect(&wire.Delivery{Message: []byte("hello")})
		service.conn.Close()
	}
}

// playSubscribed has an application get the events that are caused by what it sends
// after it has subscribed.
func playSubscribed(t *testing.T, here, there *relayNode) {
	publisher, subscriber := here.attach(t, "publisher"), there.attach(t, "")
	for i := range 40 {
		topic := fmt.Append(nil, "news ", i)
		if i%2 == 0 {
			publisher.send(&wire.Publish{Topic: topic, Event: []byte("to nobody")})
			synctest.Wait()
		}
		subscriber.send(&wire.Subscribe{Topic: topic}, request(uint64(i), "publisher", "go on", 1000))
		call := publisher.call("go on")
		publisher.send(&wire.Publish{Topic: topic, Event: []byte("here")})
		subscriber.expect(&wire.Publish{Topic: topic, Event: []byte("here")})
		publisher.reply(call, true, "")
		subscriber.expect(answer(uint64(i), true, ""))
	}
}

func playReplies(t *testing.T, here, there *relayNode) {
	caller, service := here.attach(t, ""), there.attach(t, "svc")
	pass()
	for id, row := range []struct {
		then func(call uint64)
		want wire.Message
	}{
		{func(call uint64) { service.reply(call, true, "yes") }, answer(0, true, "yes")},
		{func(call uint64) { service.reply(call, false, "no") }, answer(1, false, "no")},
		{func(call uint64) { service.reply(call, true, "") }, answer(2, true, "")},
		{func(call uint64) { service.reply(call, false, "") }, answer(3, false, "")},
		{func(call uint64) {
			service.reply(call, true, "once")
			service.reply(call, true, "twice")
			service.reply(call+100, true, "what?")
		}, answer(4, true, "once")},
		{func(call uint64) {
			time.Sleep(1100 * time.Millisecond)
			service.reply(call, true, "late")
		}, &wire.Result{ID: 5, TimedOut: true}},
		{func(uint64) {}, &wire.Result{ID: 6, TimedOut: true}},
	} {
		caller.send(request(uint64(id), "svc", "", 1000))
		row.then(service.call(""))
		caller.expect(row.want)
		caller.expectNothing()
	}
}

func playTimeouts(t *testing.T, here, there *relayNode) {
	caller, service := here.attach(t, ""), there.attach(t, "svc")
	pass()
	caller.send(request(1, "svc", "x", 0))
	caller.expect(&wire.Result{ID: 1, TimedOut: true})
	service.expectNothing()
	caller.send(request(2, "svc", "x", 1)) // the link takes all of it
	caller.expect(&wire.Result{ID: 2, TimedOut: true})
	service.drop()
	for _, timeout := range []uint64{math.MaxInt64, math.MaxUint64} {
		caller.send(request(3, "svc", "huge", timeout))
		call := service.call("huge")
		time.Sleep(time.Minute)
		service.reply(call, true, "at last")
		caller.expect(answer(3, true, "at last"))
	}
}

func playWaiting(t *testing.T, here, there *relayNode) {
	caller := here.attach(t, "")
	caller.send(request(1, "late", "hello", 60_000), request(2, "never", "hello", 30_000))
	time.Sleep(10 * time.Second)
	service := there.attach(t, "late")
	service.reply(service.call("hello"), true, "here I am")
	caller.expect(answer(1, true, "here I am"))
	began := time.Now()
	caller.expect(&wire.Result{ID: 2, TimedOut: true})
	if waited := time.Since(began); waited > 20*time.Second || waited < 19*time.Second {
		t.Errorf("it took %v more", waited)
	}
}

func playKinds(_ *testing.T, here, there *relayNode) {
	t := here.t
	plain, alice, bob := here.attach(t, ""), here.attach(t, "svc"), there.attach(t, "svc")
	stranger := there.attach(t, "")
	subscriber := there.attach(t, "")
	subscriber.send(&wire.Subscribe{Topic: []byte("svc")}, &wire.Subscribe{})
	pass()
	plain.send(&wire.Broadcast{Cluster: []byte("svc"), Message: []byte("1")})
	for _, s := range []*pipeApp{alice, bob} {
		s.expect(&wire.Delivery{Message: []byte("1")})
	}
	bob.send(&wire.Broadcast{Cluster: []byte("svc"), Message: []byte("own")})
	for _, s := range []*pipeApp{alice, bob} {
		s.expect(&wire.Delivery{Message: []byte("own")})
	}
	plain.send(&wire.Broadcast{Message: []byte("to nobody")})
	plain.send(&wire.Publish{Topic: []byte("svc"), Event: []byte("e")}, &wire.Publish{Event: []byte("empty")})
	subscriber.expect(&wire.Publish{Topic: []byte("svc"), Event: []byte("e")}, &wire.Publish{Event: []byte("empty")})
	plain.send(request(1, "", "to nobody", 100))
	plain.expect(&wire.Result{ID: 1, TimedOut: true})
	for _, a := range []*pipeApp{plain, alice, bob, stranger, subscriber} {
		a.expectNothing()
	}
}

func playSubscriptions(t *testing.T, here, there *relayNode) {
	publisher, subscriber := here.attach(t, ""), there.attach(t, "")
	news := []byte("news")
	event := func(text string) *wire.Publish { return &wire.Publish{Topic: news, Event: []byte(text)} }
	subscriber.send(&wire.Unsubscribe{Topic: news}, &wire.Subscribe{Topic: news}, &wire.Subscribe{Topic: news})
	pass()
	publisher.send(event("1"), event("2"))
	subscriber.expect(event("1"), event("2"))
	subscriber.send(&wire.Unsubscribe{Topic: news}, &wire.Unsubscribe{Topic: news})
	pass()
	publisher.send(event("3"))
	subscriber.expectNothing()
	subscriber.send(&wire.Subscribe{Topic: news}, &wire.Unsubscribe{Topic: news}, &wire.Subscribe{Topic: news})
	pass()
	publisher.send(event("4"))
	subscriber.expect(event("4"))
	subscriber.expectNothing()
}

func playDetach(t *testing.T, here, there *relayNode) {
	caller, service := here.attach(t, ""), there.attach(t, "svc")
	pass()
	caller.send(request(1, "svc", "a", 10_000))
	call := service.call("a")
	service.send(&wire.Close{})
	pass()
	caller.send(request(2, "svc", "b", 60_000))
	pass()
	service.reply(call, true, "A") // it still replies after its CLOSE
	service.expect(&wire.Closed{})
	service.expectEnd()
	caller.expect(answer(1, true, "A"))
	next := there.attach(t, "svc")
	next.reply(next.call("b"), true, "B")
	caller.expect(answer(2, true, "B"))
}

func playLost(t *testing.T, here, there *relayNode) {
	caller, service := here.attach(t, ""), there.attach(t, "svc")
	pass()
	caller.send(request(1, "svc", "a", 60_000))
	service.call("a")
	service.conn.Close()
	caller.expect(answer(1, false, overlay.FaultMemberLost))
	caller.expectNothing()
}

// pass lets what is under way arrive.
func pass() {
	time.Sleep(100 * time.Millisecond)
	synctest.Wait()
}

// relayNode is a relay and an overlay in a network in memory.
type relayNode struct {
	t       *testing.T
	overlay *overlay.Overlay
	relay   *relay.Relay
	end     *mem.Transport
	conns   chan net.Conn
	done    chan struct{}
}

// startTwoRelays starts the relays of two nodes that find each other, and may take so many bytes of memory; 0 is
// no limit.
func startTwoRelays(t *testing.T, bytes int64) (network *mem.Network, here, there *relayNode) {
	t.Helper()
	network = mem.NewNetwork(mem.Config{Versions: overlay.Versions(), Path: mem.Path{Delay: time.Millisecond}})
	here, there = startRelay(t, network, 0, bytes), startRelay(t, network, 1, bytes)
	time.Sleep(3 * time.Second) // they find each other
	return network, here, there
}

// startRelay starts a node, which joins node 0, and may take so many bytes of memory; 0 is no limit.
func startRelay(t *testing.T, network *mem.Network, i int, bytes int64) *relayNode {
	t.Helper()
	memory := newMemory(bytes)
	id := transport.PeerID(sha256.Sum256(fmt.Appendf(nil, "node %d", i)))
	end := network.Node(id)
	listener, err := end.Listen(t.Context(), fmt.Sprintf("mem://%d", i))
	if err != nil {
		t.Fatal(err)
	}
	o := overlay.New(overlay.Config{Memory: memory, FrameBytes: bytes / 2})
	config := overlay.Network{Self: id, Transport: end, Listener: listener, Address: listener.Addr()}
	if err := o.Connect(config); err != nil {
		t.Fatal(err)
	}
	if i > 0 {
		_, _ = o.Network().Reach(t.Context(), "mem://0", transport.PeerID{}, discovery.ByJoin)
	}
	n := &relayNode{t: t, overlay: o, end: end, conns: make(chan net.Conn), done: make(chan struct{})}
	r := relay.New(relay.Config{Mesh: mesh{o}, Memory: memory})
	n.relay = r
	served := make(chan error, 1)
	go func() { served <- r.Serve(n) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		r.Close(ctx)
		o.Close()
		end.Close()
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
		time.Sleep(5 * time.Second) // what the library for membership leaves behind
	})
	return n
}

// Accept is for the relay.
func (n *relayNode) Accept() (net.Conn, error) {
	select {
	case conn := <-n.conns:
		return conn, nil
	case <-n.done:
		return nil, net.ErrClosed
	}
}

// Close is for the relay.
func (n *relayNode) Close() error {
	close(n.done)
	return nil
}

// Addr is for the relay.
func (n *relayNode) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// pipeApp is a scripted application.
type pipeApp struct {
	t      *testing.T
	conn   net.Conn
	reader *wire.Reader
}

// attach attaches an application, which serves the cluster unless it is empty.
func (n *relayNode) attach(t *testing.T, cluster string) *pipeApp {
	t.Helper()
	near, far := net.Pipe()
	n.conns <- far
	a := &pipeApp{t: t, conn: near}
	a.reset()
	t.Cleanup(func() { near.Close() })
	a.send(&wire.Init{Version: []byte(wire.Version), Cluster: []byte(cluster)})
	a.expect(&wire.Accept{Version: []byte(wire.Version)})
	return a
}

func (a *pipeApp) reset() {
	a.conn.SetReadDeadline(time.Time{})
	a.reader = wire.NewReader(a.conn, wire.FromRelay, wire.Limits{})
}

func (a *pipeApp) send(messages ...wire.Message) {
	a.t.Helper()
	for _, m := range messages {
		if _, err := a.conn.Write(m.Append(nil)); err != nil {
			a.t.Fatalf("application cannot write: %v", err)
		}
	}
}

func (a *pipeApp) reply(call uint64, ok bool, body string) {
	a.t.Helper()
	a.send(&wire.Reply{ID: call, OK: ok, Body: []byte(body)})
}

// read returns the next frame, which has to come within two minutes.
func (a *pipeApp) read() wire.Message {
	a.t.Helper()
	a.conn.SetReadDeadline(time.Now().Add(2 * time.Minute))
	m, err := a.reader.Read()
	if err != nil {
		a.t.Fatalf("application waits for a frame: %v", err)
	}
	return m
}

func (a *pipeApp) expect(want ...wire.Message) {
	a.t.Helper()
	for _, want := range want {
		if got := a.read(); !bytes.Equal(got.Append(nil), want.Append(nil)) {
			a.t.Fatalf("application got %v %q, want %v %q", got.Op(), got.Append(nil), want.Op(), want.Append(nil))
		}
	}
}

// call expects a request, and returns its id.
func (a *pipeApp) call(body string) uint64 {
	a.t.Helper()
	m := a.read()
	call, ok := m.(*wire.Call)
	if !ok || string(call.Body) != body || call.Timeout == 0 {
		a.t.Fatalf("application got %v %q, want the request %q", m.Op(), m.Append(nil), body)
	}
	return call.ID
}

// expectNothing checks that nothing comes within three seconds.
func (a *pipeApp) expectNothing() {
	a.t.Helper()
	a.conn.SetReadDeadline(time.Now().Add(3 * time.Second))
	if m, err := a.reader.Read(); err == nil {
		a.t.Fatalf("application got %v %q, want nothing", m.Op(), m.Append(nil))
	} else if !errors.Is(err, os.ErrDeadlineExceeded) {
		a.t.Fatalf("application waits for nothing: %v", err)
	}
	a.reset()
}

// drop reads what there is.
func (a *pipeApp) drop() {
	a.conn.SetReadDeadline(time.Now().Add(time.Second))
	_, _ = io.Copy(io.Discard, a.conn)
	a.reset()
}

func (a *pipeApp) expectEnd() {
	a.t.Helper()
	if m, err := a.reader.Read(); !errors.Is(err, io.EOF) {
		a.t.Fatalf("application got %v, %v, want the end of the stream", m, err)
	}
}

func request(id uint64, cluster, body string, timeout uint64) *wire.Request {
	return &wire.Request{ID: id, Cluster: []byte(cluster), Body: []byte(body), Timeout: timeout}
}

func answer(id uint64, ok bool, body string) *wire.Result {
	return &wire.Result{ID: id, OK: ok, Body: []byte(body)}
}
