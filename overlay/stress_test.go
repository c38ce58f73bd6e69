package overlay

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// crowd is many applications that do at random what applications do. Time is that
// of the bubble, the goroutines are real.
type crowd struct {
	t       *testing.T
	overlay *Overlay
	group   sync.WaitGroup

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
			c := &crowd{t: t, overlay: New(Config{OpenRequests: 200, HeldBytes: 2000, Topics: 3})}
			for i := range uint64(24) {
				c.group.Go(func() { c.live(rand.New(rand.NewPCG(seed+round, i)), int(i)) })
			}
			c.group.Wait()
			time.Sleep(time.Second) // longer than any timeout
			synctest.Wait()
			for _, a := range c.apps {
				a.check(t)
			}
			checkIdle(t, c.overlay)
			c.overlay.Close()
			checkEmpty(t, c.overlay)
			if t.Failed() {
				t.Fatalf("in round %d", round)
			}
		})
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
		m, err := c.overlay.Attach(cluster, a)
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
		to, timeout := name(r), time.Duration(r.IntN(20))*time.Millisecond
		a.crowd.group.Go(func() { a.tunnel(to, timeout) })
	case 5:
		a.Reply(r.Uint64N(100), true, []byte("perhaps unknown"))
	case 6:
		time.Sleep(time.Duration(r.IntN(3)) * time.Millisecond)
	default:
		a.ask(name(r), time.Duration(r.IntN(20))*time.Millisecond, r.IntN(100))
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
	if _, err := conn.Write([]byte("hello")); err != nil {
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
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(r.IntN(20))*time.Millisecond)
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
			time.Sleep(time.Duration(len(body)) * time.Millisecond / 5)
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
func (a *random) HandleTunnel(_ context.Context, conn io.ReadWriteCloser) error {
	if rand.IntN(4) == 0 {
		return errRefused
	}
	a.crowd.group.Go(func() {
		if got, err := io.ReadAll(conn); err != nil || string(got) != "hello" {
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
	a.mu.Lock()
	defer a.mu.Unlock()
	if last, ok := a.last[sender]; ok && n <= last {
		a.crowd.t.Errorf("of %s came %d after %d", sender, n, last)
	}
	a.last[sender] = n
}

func (a *random) HandleReply(id uint64, _ []byte) { a.answered(id) }
func (a *random) HandleFault(id uint64, _ []byte) { a.answered(id) }
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
