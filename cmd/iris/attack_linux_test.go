package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/project-iris/iris/relay/client"
	relaywire "github.com/project-iris/iris/relay/wire"
)

// culprit is an application that takes what it can. It speaks the protocol by itself.
type culprit struct {
	t      *testing.T
	conn   net.Conn
	reader *relaywire.Reader
}

func (n *netNode) culprit(t *testing.T, cluster string) *culprit {
	t.Helper()
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", n.port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &culprit{t, conn, relaywire.NewReader(conn, relaywire.FromRelay, relaywire.Limits{})}
	init := relaywire.Init{Version: []byte(relaywire.Version), Cluster: []byte(cluster)}
	c.send(init.Append(nil))
	if m, err := c.reader.Read(); err != nil || m.Op() != relaywire.OpInit {
		t.Fatalf("a culprit attaches: %v, %v", m, err)
	}
	return c
}

// send writes frames. The node may end the connection meanwhile, or not read.
func (c *culprit) send(b []byte) {
	_ = c.conn.SetWriteDeadline(time.Now().Add(20 * time.Second))
	_, _ = c.conn.Write(b)
}

// honest are an application and a service on different nodes, which nothing that others do
// should disturb.
type honest struct {
	service, caller *client.Conn
	stop            context.CancelFunc
	asking          sync.WaitGroup
	idle            time.Duration // p99 before
	took            []time.Duration
	failed          []error
}

// beHonest starts requests from one node to a service of another one, a hundred a second, and
// measures them for a second before it returns.
func beHonest(t *testing.T, from, to *netNode) *honest {
	t.Helper()
	h := &honest{}
	var err error
	h.service, err = client.Register(t.Context(), "honest", client.Service{
		Request: func(_ context.Context, body []byte) ([]byte, error) { return body, nil },
	}, to.config())
	if err != nil {
		t.Fatal(err)
	}
	if h.caller, err = client.Connect(t.Context(), from.config()); err != nil {
		t.Fatal(err)
	}
	ask := func(ctx context.Context) {
		began := time.Now()
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		defer cancel()
		if _, err := h.caller.Request(limited, "honest", []byte("body")); err != nil {
			h.failed = append(h.failed, err)
		}
		h.took = append(h.took, time.Since(began))
		time.Sleep(time.Until(began.Add(10 * time.Millisecond)))
	}
	for range 100 {
		ask(t.Context())
	}
	h.idle, h.took = h.p99(), nil
	ctx, stop := context.WithCancel(t.Context())
	h.stop = stop
	h.asking.Go(func() {
		for ctx.Err() == nil {
			ask(ctx)
		}
	})
	return h
}

func (h *honest) p99() time.Duration {
	sorted := slices.Sorted(slices.Values(h.took))
	return sorted[len(sorted)*99/100]
}

// check ends the requests: all had their answers, and most of them soon. A test runs beside
// others on a machine that is busy, so the bound is generous: three times what it was, or most.
func (h *honest) check(t *testing.T, most time.Duration) {
	t.Helper()
	h.stop()
	h.asking.Wait()
	defer h.service.Close()
	defer h.caller.Close()
	if len(h.failed) > 0 {
		t.Errorf("%d of %d requests failed, first: %v", len(h.failed), len(h.took), h.failed[0])
	}
	t.Logf("%d requests, p99 %v, before %v", len(h.took), h.p99(), h.idle)
	if p99 := h.p99(); p99 > 3*h.idle && p99 > most {
		t.Errorf("p99 is %v, %v before", p99, h.idle)
	}
}

// newcomer sees whether a service that comes now is reached from another node.
func newcomer(t *testing.T, name string, from, to *netNode) {
	t.Helper()
	s, err := client.Register(t.Context(), name, client.Service{
		Request: func(_ context.Context, body []byte) ([]byte, error) { return body, nil },
	}, to.config())
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	defer s.Close()
	c, err := client.Connect(t.Context(), from.config())
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := c.Request(ctx, name, nil); err != nil {
		t.Errorf("a request to %s, which has just come: %v", name, err)
	}
}

// peak follows the memory of a process until the test asks for its peak.
func (n *netNode) peak(t *testing.T) (bytes int64) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.command.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmHWM:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("the system does not say how much memory a process has used")
	return 0
}

const testMemory = 256 << 20

// wantMemory checks that a node has kept its promise, give or take a tenth.
func (n *netNode) wantMemory(t *testing.T) {
	t.Helper()
	peak := n.peak(t)
	t.Logf("the node took %d MiB at most", peak>>20)
	if !raceEnabled && peak > testMemory/10*11 {
		t.Errorf("the node took %d MiB, it may take %d", peak>>20, testMemory>>20)
	}
}

var attacks = flag.Bool("attacks", false, "run what applications can do to others, which takes a minute and wants an idle machine")

// attacked skips a test without the flag: latencies beside an attack mean nothing on a machine that
// is busy with other tests.
func attacked(t *testing.T) {
	t.Helper()
	if !*attacks {
		t.Skip("make attacks runs it")
	}
}

// One application subscribes to all that it can.
func TestAttackAllTopics(t *testing.T) {
	attacked(t)
	nodes := startNetwork(t, "tcp", 2)
	h := beHonest(t, nodes[1], nodes[0])
	c := nodes[0].culprit(t, "")
	go func() {
		var b []byte
		for i := range 1 << 16 {
			m := relaywire.Subscribe{Topic: fmt.Append(nil, "all ", i)}
			b = m.Append(b)
		}
		c.send(b)
	}()
	m, err := c.reader.Read()
	if end, ok := m.(*relaywire.Closed); !ok || !strings.Contains(string(end.Reason), "names that are served or subscribed to") {
		t.Errorf("it is told %v, %v", m, err)
	}
	nodes[0].err.next(t, "has met a limit")

	// Another one takes no more than it may, and stays.
	c = nodes[0].culprit(t, "")
	var b []byte
	for i := range 43_000 {
		m := relaywire.Subscribe{Topic: fmt.Append(nil, "most ", i)}
		b = m.Append(b)
	}
	event := relaywire.Publish{Topic: []byte("most 42999"), Event: []byte("!")}
	c.send(event.Append(b))
	if m, err := c.reader.Read(); err != nil || m.Op() != relaywire.OpPublish {
		t.Fatalf("it gets %v, %v", m, err)
	}
	newcomer(t, "beside", nodes[1], nodes[0])
	c.conn.Close()
	newcomer(t, "after", nodes[1], nodes[0])
	h.check(t, 3*time.Second) // both nodes work on 65,536 names at once
}

// One application asks all names, which nobody serves.
func TestAttackAllNamesAsked(t *testing.T) {
	attacked(t)
	nodes := startNetwork(t, "tcp", 2)
	h := beHonest(t, nodes[0], nodes[1])
	c := nodes[0].culprit(t, "")
	var b []byte
	for i := range uint64(60_000) {
		m := relaywire.Request{ID: i, Cluster: fmt.Append(nil, "nobody ", i), Timeout: 1 << 40}
		b = m.Append(b)
	}
	c.send(b)
	for {
		m, err := c.reader.Read()
		if err != nil {
			t.Fatal(err)
		}
		if r, ok := m.(*relaywire.Result); ok {
			if !strings.Contains(string(r.Body), "overloaded: the application has its part of the 65536 names that are asked") {
				t.Errorf("it is answered %q", r.Body)
			}
			break
		}
	}
	newcomer(t, "new", nodes[0], nodes[1])
	h.check(t, 200*time.Millisecond)
}

// The largest event for 24 subscribers that read nothing.
func TestAttackLargeEventsUnread(t *testing.T) {
	attacked(t)
	nodes := startNetwork(t, "tcp", 2, "-memory", "256MiB", "-stall", "5s")
	h := beHonest(t, nodes[0], nodes[1])
	for range 24 {
		c := nodes[0].culprit(t, "")
		m := relaywire.Subscribe{Topic: []byte("large")}
		c.send(m.Append(nil))
	}
	c := nodes[0].culprit(t, "")
	m := relaywire.Publish{Topic: []byte("large"), Event: make([]byte, 63<<20)}
	small := relaywire.Publish{Topic: []byte("large"), Event: []byte("and a small one")}
	frame := small.Append(m.Append(nil))
	go func() {
		for range 3 { // the second has to wait for memory, until those who have the first are gone
			c.send(frame)
		}
	}()
	nodes[0].err.next(t, "reads too slowly")
	nodes[0].err.next(t, "stopped reading")
	h.check(t, 200*time.Millisecond)
	nodes[0].wantMemory(t)
}

// Sixteen frames of 64 MiB that lack their last byte.
func TestAttackUnfinishedFrames(t *testing.T) {
	attacked(t)
	nodes := startNetwork(t, "tcp", 2, "-memory", "256MiB")
	h := beHonest(t, nodes[0], nodes[1])
	m := relaywire.Publish{Topic: []byte("large"), Event: make([]byte, 64<<20)}
	frame := m.Append(nil)
	frame = frame[:len(frame)-1]
	var sending sync.WaitGroup
	for range 16 {
		c := nodes[0].culprit(t, "")
		sending.Go(func() { c.send(frame) })
	}
	nodes[0].err.next(t, "has met a limit")
	sending.Wait()
	h.check(t, 200*time.Millisecond)
	nodes[0].wantMemory(t)
}

// Tunnels that nobody takes from, full.
func TestAttackTunnelsUnread(t *testing.T) {
	attacked(t)
	const tunnels = 300
	nodes := startNetwork(t, "tcp", 2, "-memory", "256MiB")
	h := beHonest(t, nodes[0], nodes[1])
	service := nodes[1].culprit(t, "hole")
	go func() {
		for id := uint64(0); ; id++ {
			m, err := service.reader.Read()
			if err != nil {
				return
			}
			if offer, ok := m.(*relaywire.TunOffer); ok {
				m := relaywire.TunConfirm{BuildID: offer.BuildID, ID: id}
				service.send(m.Append(nil))
			}
		}
	}()
	c := nodes[0].culprit(t, "")
	go func() {
		var b []byte
		for id := range uint64(tunnels) {
			m := relaywire.TunInit{ID: id, Cluster: []byte("hole"), Timeout: 60_000}
			b = m.Append(b)
		}
		c.send(b)
	}()
	var open []uint64
	for len(open) < tunnels {
		m, err := c.reader.Read()
		if err != nil {
			t.Fatal(err)
		}
		if r, ok := m.(*relaywire.TunResult); ok {
			open = append(open, r.ID)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, c.conn) }()
	chunk := make([]byte, 64<<10)
	go func() {
		for range 64 { // 4 MiB each
			for _, id := range open {
				m := relaywire.TunTransfer{ID: id, Total: uint64(len(chunk)), Chunk: chunk}
				if _, err := c.conn.Write(m.Append(nil)); err != nil {
					return
				}
			}
		}
	}()
	nodes[0].err.next(t, "bytes of memory for applications")
	h.check(t, 200*time.Millisecond)
	nodes[0].wantMemory(t)
}

// hole is a service that takes requests and tunnels, and answers only what says "honest".
func (n *netNode) hole(t *testing.T) {
	t.Helper()
	c := n.culprit(t, "hole")
	go func() {
		for {
			m, err := c.reader.Read()
			if err != nil {
				return
			}
			switch m := m.(type) {
			case *relaywire.Call:
				if string(m.Body) == "honest" {
					answer := relaywire.Reply{ID: m.ID, OK: true, Body: m.Body}
					c.send(answer.Append(nil))
				}
			case *relaywire.TunOffer:
				continue // never confirmed
			}
		}
	}()
}

// One application has as many requests with one service as it can, on the same node and from
// another one: others are served by it, it is told, and all is as before when it has gone.
func TestAttackAllOfAService(t *testing.T) {
	attacked(t)
	nodes := startNetwork(t, "tcp", 2)
	nodes[1].hole(t)
	h := beHonest(t, nodes[0], nodes[1])
	ask := func(n *netNode) {
		t.Helper()
		conn, err := client.Connect(t.Context(), n.config())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for range 10 {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			if _, err := conn.Request(ctx, "hole", []byte("honest")); err != nil {
				t.Errorf("an honest request beside: %v", err)
			}
			cancel()
		}
	}
	for _, n := range nodes {
		c := n.culprit(t, "")
		var b []byte
		for i := range uint64(1 << 16) {
			m := relaywire.Request{ID: i, Cluster: []byte("hole"), Timeout: 1 << 40}
			b = m.Append(b)
		}
		c.send(b)
		n.err.next(t, "application has met a limit")
		ask(nodes[0])
		ask(nodes[1])
		c.conn.Close()
	}
	ask(nodes[0])
	h.check(t, 3*time.Second) // both nodes work on 65,536 requests at once
}

// One application opens as many tunnels as it can to a service that confirms none of them, from the
// same node and from another one: it is told, and others have their tunnels to that
// service and its answers.
func TestAttackUnconfirmedTunnels(t *testing.T) {
	attacked(t)
	nodes := startNetwork(t, "tcp", 2)
	var confirms atomic.Bool
	service := nodes[1].culprit(t, "hole")
	go func() {
		for id := uint64(0); ; id++ {
			m, err := service.reader.Read()
			if err != nil {
				return
			}
			switch m := m.(type) {
			case *relaywire.Call:
				answer := relaywire.Reply{ID: m.ID, OK: true, Body: m.Body}
				service.send(answer.Append(nil))
			case *relaywire.TunOffer:
				if confirms.Load() {
					confirm := relaywire.TunConfirm{BuildID: m.BuildID, ID: id}
					service.send(confirm.Append(nil))
				}
			}
		}
	}()
	h := beHonest(t, nodes[0], nodes[1])
	for _, n := range nodes {
		confirms.Store(false)
		c := n.culprit(t, "")
		var b []byte
		for i := range uint64(8192) {
			m := relaywire.TunInit{ID: i, Cluster: []byte("hole"), Timeout: 600_000}
			b = m.Append(b)
		}
		c.send(b)
		m, err := c.reader.Read()
		if r, ok := m.(*relaywire.TunResult); !ok || !r.TimedOut {
			t.Fatalf("it is told %v, %v, though the service confirms nothing", m, err)
		}
		confirms.Store(true)
		for _, from := range nodes {
			beside(t, from)
		}
		c.conn.Close()
	}
	confirms.Store(true)
	beside(t, nodes[0])
	h.check(t, 200*time.Millisecond)
}

// beside has an application of a node ask the service "hole", and open a tunnel to it.
func beside(t *testing.T, n *netNode) {
	t.Helper()
	conn, err := client.Connect(t.Context(), n.config())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := conn.Request(ctx, "hole", nil); err != nil {
		t.Errorf("an honest request beside: %v", err)
	}
	tunnel, err := conn.Tunnel(ctx, "hole")
	if err != nil {
		t.Errorf("an honest tunnel beside: %v", err)
		return
	}
	tunnel.Close()
}

// A subscriber that reads some megabytes a second, and one who sends it more: requests between
// the same nodes do not wait for it.
func TestAttackSlowSubscriber(t *testing.T) {
	attacked(t)
	nodes := startNetwork(t, "tcp", 2)
	h := beHonest(t, nodes[0], nodes[1])
	slow := nodes[1].culprit(t, "")
	m := relaywire.Subscribe{Topic: []byte("much")}
	slow.send(m.Append(nil))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	var working sync.WaitGroup
	working.Go(func() { // 3.2 MB a second
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		b := make([]byte, 64<<10)
		for ctx.Err() == nil {
			<-tick.C
			if _, err := io.ReadFull(slow.conn, b); err != nil {
				return
			}
		}
	})
	event := relaywire.Publish{Topic: []byte("much"), Event: make([]byte, 64<<10)}
	frame := event.Append(nil)
	for range 8 { // as many as there are lanes between two nodes, so that all have events
		publisher := nodes[0].culprit(t, "")
		working.Go(func() {
			for ctx.Err() == nil {
				publisher.send(frame)
			}
		})
	}
	nodes[1].err.next(t, "reads too slowly")
	working.Wait()
	h.check(t, 200*time.Millisecond)
}

// A reader of one byte a second is disconnected after the time of -stall.
func TestAttackOneByteASecond(t *testing.T) {
	attacked(t)
	const stall = 2 * time.Second
	nodes := startNetwork(t, "tcp", 2, "-stall", stall.String())
	h := beHonest(t, nodes[0], nodes[1])
	slow := nodes[1].culprit(t, "")
	_ = slow.conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	m := relaywire.Subscribe{Topic: []byte("much")}
	slow.send(m.Append(nil))
	stop := make(chan struct{})
	var working sync.WaitGroup
	working.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				_, _ = slow.conn.Read(make([]byte, 1))
			}
		}
	})
	publisher := nodes[1].culprit(t, "")
	event := relaywire.Publish{Topic: []byte("much"), Event: make([]byte, 64<<10)}
	frame := event.Append(nil)
	began := time.Now()
	working.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				publisher.send(frame)
			}
		}
	})
	nodes[1].err.next(t, "application has stopped reading")
	t.Logf("ended after %v", time.Since(began))
	if took := time.Since(began); took > 10*stall {
		t.Errorf("it was ended after %v", took)
	}
	close(stop)
	working.Wait()
	h.check(t, 200*time.Millisecond)
}

// One who repeats the confirmation of a tunnel that is gone, after its CLOSE, gets one answer.
func TestAttackSpentConfirmations(t *testing.T) {
	attacked(t)
	nodes := startNetwork(t, "tcp", 2, "-memory", "256MiB")
	h := beHonest(t, nodes[0], nodes[1])
	c := nodes[0].culprit(t, "spent")
	caller := nodes[0].culprit(t, "")
	init := relaywire.TunInit{ID: 1, Cluster: []byte("spent"), Timeout: 600_000}
	caller.send(init.Append(nil))
	m, err := c.reader.Read()
	offer, ok := m.(*relaywire.TunOffer)
	if !ok {
		t.Fatalf("it is offered %v, %v", m, err)
	}
	// It has a request in hand, so that the node waits for it after its CLOSE.
	request := relaywire.Request{ID: 1, Cluster: []byte("spent"), Timeout: 600_000}
	caller.send(request.Append(nil))
	build := offer.BuildID
	m, err = c.reader.Read()
	call, ok := m.(*relaywire.Call)
	if !ok {
		t.Fatalf("it is asked %v, %v", m, err)
	}
	end := relaywire.Close{}
	confirm := relaywire.TunConfirm{BuildID: build, ID: 7}
	b := end.Append(nil)
	for range 1 << 20 {
		b = confirm.Append(b)
	}
	answer := relaywire.Reply{ID: call.ID, OK: true}
	c.send(answer.Append(b))
	closed := 0
	for {
		m, err := c.reader.Read()
		if err != nil {
			break
		}
		if m.Op() == relaywire.OpTunClose {
			closed++
		}
	}
	if closed > 1 {
		t.Errorf("it got %d answers", closed)
	}
	h.check(t, 200*time.Millisecond)
	nodes[0].wantMemory(t)
}

// Two hundred silent connections to a node that may have 128 descriptors.
func TestAttackSilentConnections(t *testing.T) {
	attacked(t)
	nodes := startNetwork(t, "tcp", 2)
	h := beHonest(t, nodes[0], nodes[1])
	key := filepath.Join(t.TempDir(), "network.pem")
	if got := iris(t, "", "keygen", key); got.code != exitGood {
		t.Fatalf("keygen: %+v", got)
	}
	flags := []string{"-net", "example", "-rsa", key, "-port", "0", "-bind", "127.0.0.1:0", "-transport", "tcp"}
	few := startWithFewFiles(t, append(flags, "-http", "127.0.0.1:0")...)
	for range 200 {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", few.port))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
	}
	began := time.Now()
	var attached atomic.Int32
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			c, err := client.Connect(ctx, few.config())
			if err == nil {
				attached.Add(1)
				c.Close()
			}
		})
	}
	group.Wait()
	if attached.Load() < 9 { // one may be the one that makes room
		t.Errorf("%d of 10 applications attached beside silent connections, after %v", attached.Load(), time.Since(began))
	}
	few.err.next(t, "makes room for another one")
	if code, body := get(t, few.admin+"/healthz"); code != http.StatusOK {
		t.Errorf("health: %d %q", code, body)
	}
	startProcess(t, append(flags, "-join", few.addr)...)
	awaitMember(t, few.admin)
	h.check(t, 200*time.Millisecond)
}

// startWithFewFiles starts a node that may have 128 descriptors.
func startWithFewFiles(t *testing.T, args ...string) *netNode {
	t.Helper()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	var line bytes.Buffer
	for _, a := range append([]string{os.Args[0]}, args...) {
		fmt.Fprintf(&line, " '%s'", a)
	}
	wrapped := exec.Command(sh, "-c", "ulimit -n 128; exec"+line.String())
	wrapped.Env = append(os.Environ(), programVariable+"=1")
	return startCommand(t, wrapped)
}
