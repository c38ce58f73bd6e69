package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/project-iris/iris/relay/client"
)

// programVariable tells the test's own program to be iris.
const programVariable = "TEST_IRIS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programVariable) != "" {
		main()
	}
	if os.Getenv(applicationVariable) != "" {
		attempt(os.Args[1:])
	}
	if os.Getenv("GORACE") == "" { // else each program waits for a second when it ends, for races that are told late
		os.Setenv("GORACE", "atexit_sleep_ms=0")
	}
	os.Exit(m.Run())
}

// inProcess is iris in a process of its own.
func inProcess(args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), programVariable+"=1")
	return c
}

// netNode is a node of a network on this host, in a process of its own.
type netNode struct {
	command *exec.Cmd
	err     *lines
	port    string        // for applications
	addr    string        // for other nodes
	admin   string        // URL of the admin endpoint, if there is one
	over    chan struct{} // closed when the process has ended
}

// linkHost can be another address of this host than that of applications, so that a packet
// filter can tell the links between nodes; make lossy does that.
var linkHost = flag.String("link-host", "127.0.0.1", "address of this host that nodes reach each other at")

// transports are the choices of -transport that a network has to work with.
var transports = []string{"quic", "tcp", "quic,tcp"}

// startNetwork starts nodes with a fresh key, and more flags. All but the first join the
// first.
func startNetwork(t testing.TB, transport string, n int, flags ...string) []*netNode {
	t.Helper()
	key := filepath.Join(t.TempDir(), "network.pem")
	if got := iris(t, "", "keygen", key); got.code != exitGood {
		t.Fatalf("keygen: %+v", got)
	}
	var nodes []*netNode
	for range n {
		args := []string{"-net", "example", "-rsa", key, "-port", "0", "-bind", *linkHost + ":0", "-transport", transport}
		args = append(args, flags...)
		if len(nodes) > 0 {
			args = append(args, "-join", nodes[0].addr)
		}
		nodes = append(nodes, startProcess(t, args...))
	}
	return nodes
}

// startProcess starts a node in a process of its own, which is killed with the test.
func startProcess(t testing.TB, args ...string) *netNode {
	t.Helper()
	return startCommand(t, inProcess(args...))
}

// startCommand starts a node by a command, which is killed with the test.
func startCommand(t testing.TB, command *exec.Cmd) *netNode {
	t.Helper()
	n := &netNode{command: command, err: newLines(), over: make(chan struct{})}
	n.command.Stderr = n.err
	if err := n.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = n.command.Wait()
		n.err.Close()
		close(n.over)
	}()
	t.Cleanup(func() {
		_ = n.command.Process.Kill()
		<-n.over
	})
	ready := n.err.next(t, "ready")
	port := regexp.MustCompile(`port=(\d+)`).FindStringSubmatch(ready)
	addr := regexp.MustCompile(`peer=\S*?(127\.\d+\.\d+\.\d+:\d+)`).FindStringSubmatch(ready)
	if port == nil || addr == nil {
		t.Fatalf("the node is ready without a port or an address: %q", ready)
	}
	n.port, n.addr = port[1], addr[1]
	if admin := regexp.MustCompile(`http=(\S+)`).FindStringSubmatch(ready); admin != nil {
		n.admin = "http://" + admin[1]
	}
	return n
}

func (n *netNode) flag() string { return "-port=" + n.port }

func (n *netNode) config() client.Config {
	return client.Config{Address: net.JoinHostPort("127.0.0.1", n.port)}
}

// The second example of the README: three nodes, which serve each other's applications.
func TestThreeNodesServeEachOther(t *testing.T) {
	for _, transport := range transports {
		t.Run(transport, func(t *testing.T) {
			nodes := startNetwork(t, transport, 3)
			start(t, nil, "reply", nodes[2].flag(), "echo", "cat").err.next(t, "serving")
			member := start(t, nil, "reply", nodes[1].flag(), "-text", "pong", "ping")
			member.err.next(t, "serving")
			subscriber := start(t, nil, "subscribe", nodes[1].flag(), "news")
			subscriber.err.next(t, "subscribed")

			for i, n := range nodes {
				body := fmt.Sprint("hello from ", i)
				if got := iris(t, "", "request", n.flag(), "echo", body); got.out != body+"\n" {
					t.Errorf("node %d: got %+v, want %s", i, got, body)
				}
				if got := iris(t, "", "request", n.flag(), "ping", "?"); got.out != "pong\n" {
					t.Errorf("node %d: got %+v, want pong", i, got)
				}
			}
			for i, n := range nodes {
				text := fmt.Sprint("from ", i)
				if got := iris(t, "", "broadcast", n.flag(), "ping", text); got.code != exitGood {
					t.Fatalf("broadcast: %+v", got)
				}
				member.out.next(t, text)
				if got := iris(t, "1\n2\n3\n", "publish", n.flag(), "news"); got.code != exitGood {
					t.Fatalf("publish: %+v", got)
				}
				for _, want := range []string{"1", "2", "3"} {
					if got := subscriber.out.next(t, ""); got != want {
						t.Errorf("event %q from node %d, want %q", got, i, want)
					}
				}
			}

			// One that is stopped in good order does not hurt the others.
			if err := nodes[0].command.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			nodes[0].err.next(t, "stopped")
			if got := iris(t, "", "request", nodes[1].flag(), "echo", "still there"); got.out != "still there\n" {
				t.Errorf("after a node has left: got %+v", got)
			}
		})
	}
}

// traffic is requests from applications of some nodes, one after the other from each,
// which go on until they are enough.
type traffic struct {
	t       *testing.T
	timeout time.Duration
	asking  sync.WaitGroup

	mu      sync.Mutex
	enough  bool
	counts  map[string]int
	last    time.Time
	longest time.Duration // without a reply to anybody
}

// startTraffic asks the cluster "work" from applications of the nodes.
func startTraffic(t *testing.T, timeout time.Duration, perNode int, nodes ...*netNode) *traffic {
	t.Helper()
	l := &traffic{t: t, timeout: timeout, counts: make(map[string]int), last: time.Now()}
	for _, n := range nodes {
		for range perNode {
			conn, err := client.Connect(t.Context(), n.config())
			if err != nil {
				t.Fatal(err)
			}
			l.asking.Go(func() {
				defer conn.Close()
				for l.ask(conn) {
				}
			})
		}
	}
	return l
}

// ask sends one request, and reports whether there are to be more.
func (l *traffic) ask(conn *client.Conn) bool {
	ctx, cancel := context.WithTimeout(context.Background(), l.timeout)
	defer cancel()
	_, err := conn.Request(ctx, "work", []byte("hello"))
	l.mu.Lock()
	defer l.mu.Unlock()
	fault := (*client.FaultError)(nil)
	switch {
	case err == nil:
		l.longest = max(l.longest, time.Since(l.last))
		l.last = time.Now()
		l.counts["reply"]++
	case errors.As(err, &fault):
		l.counts[fault.Text]++
	case errors.Is(err, client.ErrTimeout):
		l.counts["timed out"]++
	default:
		l.counts[err.Error()]++
	}
	return !l.enough
}

// end stops to ask, and returns the answers by kind.
func (l *traffic) end() map[string]int {
	l.mu.Lock()
	l.enough = true
	l.mu.Unlock()
	l.asking.Wait()
	return l.counts
}

// expectOnly checks that there are no other answers than of these kinds.
func (l *traffic) expectOnly(kinds ...string) (others int) {
	l.t.Helper()
	allowed := map[string]bool{"reply": true}
	for _, kind := range kinds {
		allowed[kind] = true
	}
	for kind, n := range l.counts {
		if !allowed[kind] {
			l.t.Errorf("%d requests got %q", n, kind)
		}
		if kind != "reply" {
			others += n
		}
	}
	return others
}

// expectLoss ends the traffic, and checks that at most some requests were lost, and how
// long nobody got a reply.
func (l *traffic) expectLoss(most int, longest time.Duration) {
	l.t.Helper()
	counts := l.end()
	lost := l.expectOnly("member lost", "timed out")
	l.t.Logf("%v; the longest time without a reply: %v", counts, l.longest)
	if lost > most {
		l.t.Errorf("%d requests were lost, want at most %d", lost, most)
	}
	if l.longest > longest {
		l.t.Errorf("nobody got a reply for %v", l.longest)
	}
}

// worker is a member of the cluster "work".
type worker struct {
	mu      sync.Mutex
	served  int
	changed *sync.Cond
}

// startWorker attaches a worker to a node. Work takes 2 ms.
func startWorker(t *testing.T, n *netNode) *worker {
	t.Helper()
	w := &worker{}
	w.changed = sync.NewCond(&w.mu)
	conn, err := client.Register(t.Context(), "work", client.Service{
		Request: func(_ context.Context, body []byte) ([]byte, error) {
			<-time.After(2 * time.Millisecond)
			w.mu.Lock()
			defer w.mu.Unlock()
			w.served++
			w.changed.Broadcast()
			return body, nil
		},
	}, n.config())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return w
}

// await waits until the worker has served a number of requests more.
func (w *worker) await(more int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for want := w.served + more; w.served < want; {
		w.changed.Wait()
	}
}

// callers is how many applications of each node send traffic.
const callers = 4

// A node that is killed under load takes along what it has, and nothing else.
func TestAKilledNodeUnderLoad(t *testing.T) {
	for _, transport := range []string{"quic", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			nodes := startNetwork(t, transport, 3)
			alive, victim := startWorker(t, nodes[1]), startWorker(t, nodes[2])
			load := startTraffic(t, 3*time.Second, callers, nodes[:2]...)
			alive.await(100)
			victim.await(100)
			if err := nodes[2].command.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			alive.await(400)
			load.expectLoss(2*callers, 2*time.Second)
		})
	}
}

// While a node drains, nothing is lost.
func TestADrainedNodeUnderLoad(t *testing.T) {
	for _, transport := range []string{"quic", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			nodes := startNetwork(t, transport, 3)
			alive, leaver := startWorker(t, nodes[1]), startWorker(t, nodes[2])
			load := startTraffic(t, 10*time.Second, callers, nodes[:2]...)
			alive.await(100)
			leaver.await(100)
			if err := nodes[2].command.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			nodes[2].err.next(t, "stopped")
			alive.await(400)
			counts := load.end()
			load.expectOnly()
			t.Logf("%v; the longest time without a reply: %v", counts, load.longest)
		})
	}
}
