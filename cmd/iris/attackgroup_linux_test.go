package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/project-iris/iris/relay/client"
	relaywire "github.com/project-iris/iris/relay/wire"
)

var siege = flag.Duration("siege", 0, "run all attacks at once for so long, against nodes that have 256 MiB each; as root, where control groups can be made")

// memoryGroup is a control group that bounds the memory of a node, of either version.
type memoryGroup struct {
	dir            string
	limit, oomFile string
}

// newMemoryGroup makes one, or skips the test where that cannot be done.
func newMemoryGroup(t *testing.T, bytes int64) *memoryGroup {
	t.Helper()
	name := fmt.Sprintf("iris-test-%d-%d", os.Getpid(), time.Now().UnixNano())
	g := &memoryGroup{filepath.Join("/sys/fs/cgroup/memory", name), "memory.limit_in_bytes", "memory.oom_control"}
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		g = &memoryGroup{filepath.Join("/sys/fs/cgroup", name), "memory.max", "memory.events"}
	}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		t.Skip("control groups cannot be made:", err)
	}
	t.Cleanup(func() { _ = os.Remove(g.dir) })
	if err := os.WriteFile(filepath.Join(g.dir, g.limit), []byte(strconv.FormatInt(bytes, 10)), 0); err != nil {
		t.Skip("a control group does not bound memory:", err)
	}
	return g
}

// start starts a node in the group.
func (g *memoryGroup) start(t *testing.T, args ...string) *netNode {
	t.Helper()
	c := exec.Command("sh", append([]string{"-c", `echo $$ >"$0" && exec "$@"`, filepath.Join(g.dir, "cgroup.procs"), os.Args[0]}, args...)...)
	c.Env = append(os.Environ(), programVariable+"=1")
	return startCommand(t, c)
}

// killed is how many processes of the group the kernel has killed for want of memory.
func (g *memoryGroup) killed(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(g.dir, g.oomFile))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if fields := strings.Fields(line); len(fields) == 2 && fields[0] == "oom_kill" {
			n, err := strconv.Atoi(fields[1])
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Skipf("%s does not say who was killed: %s", g.oomFile, b)
	return 0
}

// raid is what culprits do in one round, at a node and with another one. Nothing of it has to work.
type raid struct {
	ctx   context.Context
	group *sync.WaitGroup
}

// attach returns a connection that ends with the raid, and what it is told; both are nil where
// the node does not take it.
func (r raid) attach(n *netNode, cluster string) (net.Conn, *relaywire.Reader) {
	var d net.Dialer
	conn, err := d.DialContext(r.ctx, "tcp", net.JoinHostPort("127.0.0.1", n.port))
	if err != nil {
		return nil, nil
	}
	stop := context.AfterFunc(r.ctx, func() { conn.Close() })
	init := relaywire.Init{Version: []byte(relaywire.Version), Cluster: []byte(cluster)}
	reader := relaywire.NewReader(conn, relaywire.FromRelay, relaywire.Limits{})
	_, _ = conn.Write(init.Append(nil))
	if m, err := reader.Read(); err != nil || m.Op() != relaywire.OpInit {
		conn.Close()
		stop()
		return nil, nil
	}
	return conn, reader
}

// send has an application send frames, again and again if it is to, and read what it is told.
func (r raid) send(n *netNode, again bool, frames ...[]byte) {
	r.group.Go(func() {
		conn, _ := r.attach(n, "")
		if conn == nil {
			return
		}
		r.group.Go(func() { _, _ = io.Copy(io.Discard, conn) })
		for {
			for _, f := range frames {
				if _, err := conn.Write(f); err != nil {
					return
				}
			}
			if !again {
				return
			}
		}
	})
}

// deaf has applications attach that subscribe to a topic and read so little.
func (r raid) deaf(n *netNode, topic string, applications, bytes int, pause time.Duration) {
	for range applications {
		conn, _ := r.attach(n, "")
		if conn == nil {
			continue
		}
		m := relaywire.Subscribe{Topic: []byte(topic)}
		_, _ = conn.Write(m.Append(nil))
		if bytes == 0 {
			continue
		}
		r.group.Go(func() {
			b := make([]byte, bytes)
			tick := time.NewTicker(pause)
			defer tick.Stop()
			for {
				if _, err := io.ReadFull(conn, b); err != nil {
					return
				}
				<-tick.C
			}
		})
	}
}

// pit has a service attach that answers nothing, and confirms tunnels if it is to.
func (r raid) pit(n *netNode, cluster string, confirms bool) {
	conn, reader := r.attach(n, cluster)
	if conn == nil {
		return
	}
	r.group.Go(func() {
		for id := uint64(0); ; id++ {
			m, err := reader.Read()
			if err != nil {
				return
			}
			if offer, ok := m.(*relaywire.TunOffer); ok && confirms {
				m := relaywire.TunConfirm{BuildID: offer.BuildID, ID: id}
				_, _ = conn.Write(m.Append(nil))
			}
		}
	})
}

// raids are the rows of docs/security.md that one application can take, each at a node and with
// a service or subscribers of another one.
var raids = []struct {
	name string
	do   func(r raid, here, there *netNode)
}{
	{"all topics", func(r raid, here, _ *netNode) {
		r.send(here, false, many(1<<16, func(b []byte, i uint64) []byte {
			m := relaywire.Subscribe{Topic: fmt.Append(nil, "all ", i)}
			return m.Append(b)
		}))
	}},
	{"all names", func(r raid, here, _ *netNode) {
		r.send(here, false, many(60_000, func(b []byte, i uint64) []byte {
			m := relaywire.Request{ID: i, Cluster: fmt.Append(nil, "nobody ", i), Timeout: 1 << 40}
			return m.Append(b)
		}))
	}},
	{"large events for those who do not read", func(r raid, here, there *netNode) {
		r.deaf(here, "large", 24, 0, 0)
		r.deaf(there, "large", 24, 0, 0)
		m := relaywire.Publish{Topic: []byte("large"), Event: make([]byte, 40<<20)}
		r.send(here, true, m.Append(nil))
	}},
	{"unfinished frames", func(r raid, here, _ *netNode) {
		m := relaywire.Publish{Topic: []byte("nobody"), Event: make([]byte, 40<<20)}
		frame := m.Append(nil)
		for range 16 {
			r.send(here, false, frame[:len(frame)-1])
		}
	}},
	{"tunnels that nobody takes from", func(r raid, here, there *netNode) {
		r.pit(there, "tunnels", true)
		chunk := make([]byte, 64<<10)
		var frames [][]byte
		frames = append(frames, many(300, func(b []byte, i uint64) []byte {
			m := relaywire.TunInit{ID: i, Cluster: []byte("tunnels"), Timeout: 60_000}
			return m.Append(b)
		}))
		r.group.Go(func() {
			conn, reader := r.attach(here, "")
			if conn == nil {
				return
			}
			if _, err := conn.Write(frames[0]); err != nil {
				return
			}
			for {
				m, err := reader.Read()
				if err != nil {
					return
				}
				if built, ok := m.(*relaywire.TunResult); ok && !built.TimedOut {
					m := relaywire.TunTransfer{ID: built.ID, Total: uint64(len(chunk)), Chunk: chunk}
					b := m.Append(nil)
					for range 64 { // 4 MiB
						if _, err := conn.Write(b); err != nil {
							return
						}
					}
				}
			}
		})
	}},
	{"all of a service", func(r raid, here, there *netNode) {
		r.pit(there, "pit", false)
		r.send(here, false, many(1<<16, func(b []byte, i uint64) []byte {
			m := relaywire.Request{ID: i, Cluster: []byte("pit"), Timeout: 1 << 40}
			return m.Append(b)
		}))
	}},
	{"tunnels that nobody confirms", func(r raid, here, there *netNode) {
		r.pit(there, "pit", false)
		r.send(here, false, many(8192, func(b []byte, i uint64) []byte {
			m := relaywire.TunInit{ID: i, Cluster: []byte("pit"), Timeout: 600_000}
			return m.Append(b)
		}))
	}},
	{"large requests that nobody answers", func(r raid, here, there *netNode) {
		r.pit(there, "large", false)
		r.send(here, false, many(200, func(b []byte, i uint64) []byte {
			m := relaywire.Request{ID: i, Cluster: []byte("large"), Body: make([]byte, 1<<20), Timeout: 600_000}
			return m.Append(b)
		}))
	}},
	{"slow subscribers", func(r raid, here, there *netNode) {
		r.deaf(there, "much", 2, 64<<10, 20*time.Millisecond)
		r.deaf(there, "much", 2, 1, time.Second)
		m := relaywire.Publish{Topic: []byte("much"), Event: make([]byte, 64<<10)}
		frame := m.Append(nil)
		for range 4 {
			r.send(here, true, frame)
		}
	}},
	{"silent connections", func(r raid, here, _ *netNode) {
		var d net.Dialer
		for range 200 {
			if conn, err := d.DialContext(r.ctx, "tcp", net.JoinHostPort("127.0.0.1", here.port)); err == nil {
				context.AfterFunc(r.ctx, func() { conn.Close() })
			}
		}
	}},
}

// many returns frames.
func many(n uint64, add func(b []byte, i uint64) []byte) []byte {
	var b []byte
	for i := range n {
		b = add(b, i)
	}
	return b
}

// All that one application can do, by many at once, round and round, in both directions between
// two nodes that have 256 MiB: none is killed by the kernel, and honest applications have
// their answers.
func TestAttackAllAtOnce(t *testing.T) {
	if *siege == 0 {
		t.Skip("make attacks-cgroup runs it")
	}
	key := filepath.Join(t.TempDir(), "network.pem")
	if got := iris(t, "", "keygen", key); got.code != exitGood {
		t.Fatalf("keygen: %+v", got)
	}
	flags := []string{"-net", "example", "-rsa", key, "-port", "0", "-bind", "127.0.0.1:0", "-transport", "tcp", "-stall", "5s"}
	var groups []*memoryGroup
	var nodes []*netNode
	for range 2 {
		g := newMemoryGroup(t, testMemory)
		groups, nodes = append(groups, g), append(nodes, g.start(t, flags...))
		flags = append(flags, "-join", nodes[0].addr)
	}
	t.Cleanup(func() {
		if t.Failed() {
			for i, n := range nodes {
				t.Logf("node %d says:\n%s", i, n.err.rest())
			}
		}
	})
	calls := []*calling{startCalling(t, nodes[0], nodes[1]), startCalling(t, nodes[1], nodes[0])}
	end := time.Now().Add(*siege)
	for round := 0; time.Now().Before(end); round++ {
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		r := raid{ctx, new(sync.WaitGroup)}
		for _, attack := range raids {
			for i := range nodes {
				r.group.Go(func() { attack.do(r, nodes[i], nodes[1-i]) })
			}
		}
		<-ctx.Done()
		r.group.Wait()
		cancel()
		for i, n := range nodes {
			select {
			case <-n.over:
				t.Fatalf("node %d has ended in round %d; processes killed for want of memory: %d", i, round, groups[i].killed(t))
			default:
			}
		}
		t.Logf("round %d: %v, %v; %d and %d MiB at most", round, calls[0], calls[1], nodes[0].peak(t)>>20, nodes[1].peak(t)>>20)
	}
	for i, g := range groups {
		if n := g.killed(t); n != 0 {
			t.Errorf("node %d: %d processes were killed for want of memory", i, n)
		}
		calls[i].check(t)
	}
	newcomer(t, "after", nodes[0], nodes[1])
	newcomer(t, "after too", nodes[1], nodes[0])
}

// calling is an honest application that asks a service at another node, one request after the
// other.
type calling struct {
	stop  context.CancelFunc
	group sync.WaitGroup

	mu      sync.Mutex
	asked   int
	longest time.Duration
	failed  map[string]int
}

func startCalling(t *testing.T, from, to *netNode) *calling {
	t.Helper()
	name := "honest " + to.port
	service, err := client.Register(t.Context(), name, client.Service{
		Request: func(_ context.Context, body []byte) ([]byte, error) { return body, nil },
	}, to.config())
	if err != nil {
		t.Fatal(err)
	}
	caller, err := client.Connect(t.Context(), from.config())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	c := &calling{stop: stop, failed: make(map[string]int)}
	c.group.Go(func() {
		defer service.Close()
		defer caller.Close()
		for ctx.Err() == nil {
			began := time.Now()
			limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
			body, err := caller.Request(limited, name, []byte("body"))
			cancel()
			if err == nil && !bytes.Equal(body, []byte("body")) {
				err = errors.New("another body")
			}
			c.mu.Lock()
			c.asked++
			c.longest = max(c.longest, time.Since(began))
			if err != nil {
				c.failed[err.Error()]++
			}
			c.mu.Unlock()
			time.Sleep(time.Until(began.Add(10 * time.Millisecond)))
		}
	})
	t.Cleanup(func() {
		stop()
		c.group.Wait()
	})
	return c
}

func (c *calling) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return fmt.Sprintf("%d requests, the longest took %v, failed: %v", c.asked, c.longest.Round(time.Millisecond), c.failed)
}

// check ends it: all its requests had their answers.
func (c *calling) check(t *testing.T) {
	t.Helper()
	c.stop()
	c.group.Wait()
	if c.asked == 0 || len(c.failed) > 0 {
		t.Errorf("honest requests: %v", c)
	}
}
