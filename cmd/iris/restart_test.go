package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/project-iris/iris/relay/client"
)

// restarts is a node in a process of its own that is killed and started again at one port.
type restarts struct {
	t    *testing.T
	args []string
	node *netNode
}

func newRestarts(t *testing.T) *restarts {
	t.Helper()
	key := filepath.Join(t.TempDir(), "network.pem")
	if got := iris(t, "", "keygen", key); got.code != exitGood {
		t.Fatalf("keygen: %+v", got)
	}
	r := &restarts{t: t, args: []string{
		"-net", "example", "-rsa", key, "-port", strconv.Itoa(fixedPort(t)), "-bind", "127.0.0.1:0", "-discover", "none",
	}}
	r.node = startProcess(t, r.args...)
	return r
}

// fixedPort returns a free port that the system gives to nobody who asks for any.
func fixedPort(t *testing.T) int {
	t.Helper()
	for port := 21000; port < 30000; port += 7 {
		if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

// kill kills the node as the system does when there is no memory, and waits for its end.
func (r *restarts) kill() {
	_ = r.node.command.Process.Kill()
	<-r.node.over
}

func (r *restarts) start() { r.node = startProcess(r.t, r.args...) }

// The commands that serve and listen live through a restart of their node.
func TestCommandsLiveThroughARestart(t *testing.T) {
	r := newRestarts(t)
	port := r.node.flag()
	member := start(t, nil, "reply", port, "-text", "pong", "ping")
	member.err.next(t, "serving")
	subscriber := start(t, nil, "subscribe", port, "news")
	subscriber.err.next(t, "subscribed")
	for round := range 2 {
		settle(t, port)
		if got := iris(t, "", "request", port, "ping", ""); got.out != "pong\n" {
			t.Fatalf("round %d: got %+v", round, got)
		}
		if got := iris(t, "", "publish", port, "news", fmt.Sprint("event ", round)); got.code != exitGood {
			t.Fatalf("round %d: got %+v", round, got)
		}
		subscriber.out.next(t, fmt.Sprint("event ", round))
		r.kill()
		for _, c := range []*running{member, subscriber} {
			c.err.next(t, "the node is gone")
		}
		if got := iris(t, "", "request", port, "ping", ""); got.code != exitFailed {
			t.Errorf("round %d: without a node, got %+v", round, got)
		}
		r.start()
		for _, c := range []*running{member, subscriber} {
			c.err.next(t, "attached again")
		}
	}
}

// What is exposed and forwarded is again after a restart of the node.
func TestExposeAndForwardLiveThroughARestart(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }))
	defer server.Close()
	r := newRestarts(t)
	port := r.node.flag()
	e := start(t, nil, "expose", port, "web", server.Listener.Addr().String())
	e.err.next(t, "in the cluster")
	f := start(t, nil, "forward", port, "127.0.0.1:0", "web")
	address := listening(t, f)
	for range 2 {
		if got := fetch(t, address); got != "hello" {
			t.Errorf("got %q", got)
		}
		r.kill()
		for _, c := range []*running{e, f} {
			c.err.next(t, "the node is gone")
		}
		r.start()
		for _, c := range []*running{e, f} {
			c.err.next(t, "attached again")
		}
	}
	if got := fetch(t, address); got != "hello" {
		t.Errorf("got %q", got)
	}
}

// ledger is what became of numbered requests and events, each of which is sent once.
type ledger struct {
	mu     sync.Mutex
	ran    map[string]int // how often the service was given it
	came   map[string]int // how often the subscriber was given it
	result map[string]error
}

func (l *ledger) count(m map[string]int, what []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m[string(what)]++
}

// check holds the ledger against what errors have said.
func (l *ledger) check(t *testing.T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	good := 0
	for id, err := range l.result {
		switch ran := l.ran[id]; {
		case err == nil && ran != 1:
			t.Errorf("request %s was answered, and ran %d times", id, ran)
		case errors.Is(err, client.ErrNotSent) && ran != 0:
			t.Errorf("request %s ran, and was not sent: %v", id, err)
		case ran > 1:
			t.Errorf("request %s ran %d times: %v", id, ran, err)
		case err == nil:
			good++
		case !errors.Is(err, client.ErrNotSent) && !errors.Is(err, client.ErrMayHaveRun):
			t.Errorf("request %s failed with %v", id, err)
		}
	}
	for event, n := range l.came {
		if n > 1 {
			t.Errorf("event %s came %d times", event, n)
		}
	}
	t.Logf("%d of %d requests were answered, %d events came", good, len(l.result), len(l.came))
}

// When the node is back, requests go on within a second, subscriptions deliver, and nothing
// is delivered twice.
func TestRequestsGoOnAfterARestart(t *testing.T) {
	r := newRestarts(t)
	l := &ledger{ran: map[string]int{}, came: map[string]int{}, result: map[string]error{}}
	config := r.node.config()
	config.Reconnect = true
	restored := make(chan struct{}, 100)
	config.Restored = func() { restored <- struct{}{} }
	service, err := client.Register(t.Context(), "echo", client.Service{Request: func(_ context.Context, body []byte) ([]byte, error) {
		l.count(l.ran, body)
		return body, nil
	}}, config)
	if err != nil {
		t.Fatal(err)
	}
	defer service.Close()
	caller, err := client.Connect(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer caller.Close()
	news := make(chan string, 1<<16)
	if _, err := caller.Subscribe(t.Context(), "news", func(event []byte) {
		l.count(l.came, event)
		news <- string(event)
	}); err != nil {
		t.Fatal(err)
	}

	asking, stop := context.WithCancel(t.Context())
	answered := make(chan time.Time) // when somebody listens
	var asks sync.WaitGroup
	for i := range 4 {
		asks.Go(func() { l.ask(asking, caller, i, answered) })
	}
	var took []time.Duration
	for round := range 3 {
		for range 200 {
			<-answered
		}
		r.kill()
		r.start()
		began := time.Now()
		<-restored // the service and the caller
		<-restored
		for (<-answered).Before(began) {
		}
		took = append(took, time.Since(began))
		last := fmt.Sprint("after restart ", round)
		if err := service.Publish(t.Context(), "news", []byte(last)); err != nil {
			t.Fatal(err)
		}
		for <-news != last {
		}
	}
	stop()
	asks.Wait()
	l.check(t)
	t.Logf("requests went on after %v", took)
	if slices.Min(took) > time.Second { // a busy machine may be late, but not always
		t.Errorf("requests went on after %v, want within a second", took)
	}
}

// ask sends numbered requests and events until the context ends.
func (l *ledger) ask(ctx context.Context, conn *client.Conn, asker int, answered chan<- time.Time) {
	for i := 0; ctx.Err() == nil; i++ {
		id := fmt.Sprint(asker, "/", i)
		_, err := conn.Request(context.WithoutCancel(ctx), "echo", []byte(id))
		l.mu.Lock()
		l.result[id] = err
		l.mu.Unlock()
		if err == nil {
			select {
			case answered <- time.Now():
			default:
			}
		}
		if err := conn.Publish(context.WithoutCancel(ctx), "news", []byte(id)); err != nil {
			time.Sleep(time.Millisecond) // there is no node: more of these tell no more
		}
	}
}
