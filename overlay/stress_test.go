package overlay

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport/mem"
)

// crowd is many applications that do at random what applications do. Time is that
// of the bubble, the goroutines are real.
type crowd struct {
	t        *testing.T
	overlays []*Overlay
	unit     time.Duration // of timeouts and waits
	breaks   bool          // links break: tunnels may, too
	group    sync.WaitGroup

	opened, carried atomic.Int64 // tunnels

	mu   sync.Mutex
	apps []*random
}

// random is one application of the crowd.
type random struct {
	*Member
	crowd  *crowd
	joined chan struct{} // closed when Member is set

	mu        sync.Mutex
	asked     int
	answers   map[uint64]int
	deadlines map[uint64]time.Time
	last      map[string]int // of each sender: its latest event
	closed    bool           // Close has been called
}

// Rule 5, for a crowd: whatever its members do, and in whatever order, each request
// of one that stays gets exactly one answer and each of one that goes at most one,
// events come in order and once, and at the end nothing is in anybody's hands.
func TestACrowd(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for round := range uint64(6) {
		synctest.Test(t, func(t *testing.T) {
			o := New(crowded)
			c := &crowd{t: t, overlays: []*Overlay{o}, unit: time.Millisecond}
			c.play(seed + round)
			checkIdle(t, o)
			o.Close()
			checkEmpty(t, o)
			if t.Failed() {
				t.Fatalf("in round %d", round)
			}
		})
	}
}

// crowded has limits that a crowd reaches.
var crowded = Config{OpenRequests: 200, HeldBytes: 2000, Topics: 3}

// play lets the crowd live, and checks what its members have seen when all is over.
func (c *crowd) play(seed uint64) {
	for i := range uint64(24) {
		c.group.Go(func() { c.live(rand.New(rand.NewPCG(seed, i)), int(i)) })
	}
	c.group.Wait()
	time.Sleep(1000 * c.unit) // longer than any timeout
	synctest.Wait()
	for _, a := range c.apps {
		a.check(c.t)
	}
	if opened, carried := c.opened.Load(), c.carried.Load(); opened != carried && !c.breaks {
		c.t.Errorf("%d tunnels were opened, %d brought what was sent", opened, carried)
	}
}

// The same across nodes, over a network that delays what it carries and whose links
// break.
func TestACrowdAcrossNodes(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for round := range uint64(4) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorldOf(t, 3, crowded, mem.Path{Delay: time.Millisecond, Jitter: 49 * time.Millisecond})
			c := &crowd{t: t, overlays: w.nodes, unit: 20 * time.Millisecond, breaks: round%2 == 1}
			over := make(chan struct{})
			if c.breaks {
				go w.breakLinks(rand.New(rand.NewPCG(seed, round)), over)
			}
			c.play(seed + round)
			close(over)
			time.Sleep(5 * time.Second)
			w.idle()
			for _, a := range c.apps {
				a.Close()
			}
			for _, o := range w.nodes {
				o.lookup.Sweep() // the first notes that nobody uses them any more
				o.lookup.Sweep()
				checkEmpty(t, o)
				if s := o.lookup.Stats(); s.Places+s.Registered != 0 {
					t.Errorf("%d names are looked up and %d registered", s.Places, s.Registered)
				}
			}
			if t.Failed() {
				t.Fatalf("in round %d", round)
			}
		})
	}
}

// breakLinks closes a link now and then.
func (w *world) breakLinks(r *rand.Rand, over <-chan struct{}) {
	for {
		select {
		case <-over:
			return
		case <-time.After(time.Duration(r.IntN(500)) * time.Millisecond):
		}
		from, to := r.IntN(len(w.nodes)), r.IntN(len(w.nodes))
		if p := w.nodes[from].net.Link(w.ends[to].ID()); p != nil {
			p.Link().Close(nil)
		}
	}
}

// name is the name of a cluster or topic.
func name(random *rand.Rand) []byte { return fmt.Append(nil, "name ", random.IntN(4)) }

// live is what one of the crowd does: some lives, one after the other.
func (c *crowd) live(r *rand.Rand, i int) {
	for life := range 3 {
		a := &random{
			crowd: c, joined: make(chan struct{}), answers: make(map[uint64]int),
			deadlines: make(map[uint64]time.Time), last: make(map[string]int),
		}
		cluster := name(r)
		if i%3 == 0 {
			cluster = nil
		}
		m, err := c.overlays[i%len(c.overlays)].Attach(cluster, a)
		if err != nil {
			c.t.Error(err)
			return
		}
		a.Member = m
		close(a.joined)
		c.mu.Lock()
		c.apps = append(c.apps, a)
		c.mu.Unlock()
		sender := fmt.Sprintf("%d/%d", i, life)
		for n := range 60 {
			a.act(r, sender, n)
		}
		a.end(r, life)
	}
}

// act does one thing.
func (a *random) act(r *rand.Rand, sender string, n int) {
	switch r.IntN(10) {
	case 0:
		a.Broadcast(name(r), []byte("hello"))
	case 1:
		a.Publish(name(r), fmt.Appendf(nil, "%s %d", sender, n))
	case 2:
		a.Subscribe(name(r))
	case 3:
		a.Unsubscribe(name(r))
	case 4:
		to, timeout := name(r), time.Duration(r.IntN(20))*a.crowd.unit
		a.crowd.group.Go(func() { a.tunnel(to, timeout) })
	case 5:
		a.Reply(r.Uint64N(100), true, []byte("perhaps unknown"))
	case 6:
		time.Sleep(time.Duration(r.IntN(3)) * a.crowd.unit)
	default:
		a.ask(name(r), time.Duration(r.IntN(20))*a.crowd.unit, r.IntN(100))
	}
}

func (a *random) ask(cluster []byte, timeout time.Duration, size int) {
	a.mu.Lock()
	id := uint64(a.asked)
	a.asked++
	a.deadlines[id] = time.Now().Add(timeout)
	a.mu.Unlock()
	a.Request(id, cluster, make([]byte, size), timeout)
}

// tunnel opens a tunnel, sends something and closes it.
func (a *random) tunnel(cluster []byte, timeout time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	conn, err := a.Tunnel(ctx, cluster)
	if err != nil {
		return
	}
	a.crowd.opened.Add(1)
	if _, err := conn.Write([]byte("hello")); err != nil && !a.crowd.breaks {
		a.crowd.t.Errorf("write: %v", err)
	}
	conn.Close()
}

// end ends a life: the application stays, leaves, or is gone.
func (a *random) end(r *rand.Rand, life int) {
	if life == 2 && r.IntN(2) == 0 {
		return
	}
	if r.IntN(2) == 0 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.IntN(20))*a.crowd.unit)
		defer cancel()
		a.Leave(ctx)
	}
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.Close()
}

// check checks what the application has seen of its requests.
func (a *random) check(t *testing.T) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	for id := range uint64(a.asked) {
		if n := a.answers[id]; n != 1 && !(a.closed && n == 0) {
			t.Errorf("request %d got %d answers (closed: %t)", id, n, a.closed)
		}
	}
	if len(a.answers) > a.asked {
		t.Errorf("%d requests got %d answers", a.asked, len(a.answers))
	}
}

// HandleRequest replies now, later, twice or never, refuses, or replies and
// refuses.
func (a *random) HandleRequest(id uint64, body []byte, _ time.Duration) error {
	reply := func() {
		<-a.joined
		a.Reply(id, len(body)%2 == 0, []byte("reply"))
	}
	switch len(body) % 8 {
	case 0:
		return errRefused
	case 1:
		return nil
	case 2:
		a.crowd.group.Go(func() {
			time.Sleep(time.Duration(len(body)) * a.crowd.unit / 5)
			reply()
		})
		return nil
	case 3:
		a.crowd.group.Go(reply)
		a.crowd.group.Go(reply)
		return errRefused
	}
	a.crowd.group.Go(reply)
	return nil
}

// HandleTunnel refuses some, and reads the others to their end.
func (a *random) HandleTunnel(_ context.Context, conn Stream) error {
	if rand.IntN(4) == 0 {
		return errRefused
	}
	a.crowd.group.Go(func() {
		got, err := io.ReadAll(conn)
		switch {
		case err == nil && string(got) == "hello":
			a.crowd.carried.Add(1)
		case a.crowd.breaks:
		case len(a.crowd.overlays) > 1 && len(got) == 0 && err != nil: // its opener had given it up
		default:
			a.crowd.t.Errorf("a tunnel brought %q: %v", got, err)
		}
		conn.Close()
	})
	return nil
}

func (a *random) HandleBroadcast([]byte) {}

// HandleEvent checks that the events of each sender come in order and once.
func (a *random) HandleEvent(topic, event []byte) {
	var sender string
	var n int
	fmt.Sscanf(string(event), "%s %d", &sender, &n)
	if n%7 == 0 {
		time.Sleep(a.crowd.unit)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if last, ok := a.last[sender]; ok && n <= last {
		a.crowd.t.Errorf("of %s came %d after %d", sender, n, last)
	}
	a.last[sender] = n
}

func (a *random) HandleReply(id uint64, _ []byte) { a.answered(id) }
func (a *random) HandleFault(id uint64, _ []byte) { a.answered(id) }
func (a *random) HandleLimit(error)               {}
func (a *random) HandleTimeout(id uint64) {
	a.mu.Lock()
	at := a.deadlines[id]
	a.mu.Unlock()
	if time.Now().Before(at) {
		a.crowd.t.Errorf("request %d timed out %v early", id, time.Until(at))
	}
	a.answered(id)
}

func (a *random) answered(id uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[id]++
	if late := time.Since(a.deadlines[id]); late > 0 {
		a.crowd.t.Errorf("request %d was answered %v after its deadline", id, late)
	}
}
