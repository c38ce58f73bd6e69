package balance

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func node(n byte) NodeID { return NodeID{n} }

// balancer returns one with nodes 0 to n-1.
func balancer(n int) *Balancer {
	b := New(Config{}, rand.NewPCG(1, 2))
	nodes := make([]NodeID, n)
	for i := range nodes {
		nodes[i] = node(byte(i))
	}
	b.SetNodes(nodes)
	return b
}

// answer picks until each candidate has answered once, after the latency.
func (b *Balancer) answer(latencies ...time.Duration) {
	for i, c := range b.candidates {
		c.inHand++
		b.Answered(start, c, latencies[i], false, Report{})
	}
}

// shares returns how often each candidate is picked out of a thousand times, with
// nothing in hand.
func (b *Balancer) shares(now time.Time) []int {
	shares := make([]int, len(b.candidates))
	for range 1000 {
		c := b.Pick(now, nil)
		shares[c.id[0]]++
		c.inHand = 0
	}
	return shares
}

func TestNobody(t *testing.T) {
	if c := balancer(0).Pick(start, nil); c != nil {
		t.Errorf("picked %v of none", c.id)
	}
}

func TestOnly(t *testing.T) {
	b := balancer(1)
	for range 10 {
		if c := b.Pick(start, nil); c == nil || c.ID() != node(0) {
			t.Fatalf("picked %v", c)
		}
	}
	if got := b.candidates[0].InHand(); got != 10 {
		t.Errorf("%d in hand, want 10", got)
	}
}

func TestEqualOnesShare(t *testing.T) {
	b := balancer(4)
	b.answer(time.Millisecond, time.Millisecond, time.Millisecond, time.Millisecond)
	for i, n := range b.shares(start) {
		if n < 200 || n > 300 {
			t.Errorf("node %d is picked %d times of 1000", i, n)
		}
	}
}

// Of two, the worse one is never drawn alone.
func TestCosts(t *testing.T) {
	for _, row := range []struct {
		name  string
		worse func(b *Balancer, c *Candidate)
	}{
		{"slow", func(b *Balancer, c *Candidate) { b.Answered(start, c, 2*time.Millisecond, false, Report{}) }},
		{"slow once", func(b *Balancer, c *Candidate) {
			b.Answered(start, c, time.Second, false, Report{})
			for i := range 100 {
				b.Answered(start.Add(time.Duration(i)*time.Millisecond), c, time.Millisecond, false, Report{})
			}
		}},
		{"says that it is slow", func(b *Balancer, c *Candidate) {
			b.Answered(start, c, time.Millisecond, false, Report{Latency: 2 * time.Millisecond})
		}},
		{"busy with ours", func(_ *Balancer, c *Candidate) { c.inHand += 2 }},
		{"busy with others", func(b *Balancer, c *Candidate) { b.Answered(start, c, time.Millisecond, false, Report{Load: 2}) }},
		{"faulty", func(b *Balancer, c *Candidate) {
			for i := range 100 {
				b.Answered(start.Add(time.Duration(i)*time.Millisecond), c, time.Microsecond, true, Report{})
			}
		}},
		{"refuses", func(b *Balancer, c *Candidate) { b.Refused(start, c) }},
		{"loses", func(b *Balancer, c *Candidate) { b.Lost(start, c, time.Second) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := balancer(2)
			b.answer(time.Millisecond, time.Millisecond)
			row.worse(b, b.candidates[0])
			for range 100 {
				c := b.Pick(start.Add(100*time.Millisecond), nil)
				if c.id != node(1) {
					t.Fatal("picked")
				}
				b.Dropped(c)
			}
		})
	}
}

// A node that has given nothing but faults, ten thousand times faster than another
// replies, is not taken for the faster one, whichever was heard first.
func TestNothingButFaults(t *testing.T) {
	for _, first := range []int{0, 1} {
		b := balancer(2)
		for i := range 10 {
			c := b.candidates[(first+i)%2]
			c.inHand++
			if c.id == node(0) {
				b.Answered(start, c, 10*time.Microsecond, true, Report{})
			} else {
				b.Answered(start, c, 100*time.Millisecond, false, Report{})
			}
		}
		if shares := b.shares(start); shares[0] > 0 {
			t.Errorf("it is picked %d times of 1000", shares[0])
		}
	}
}

// A node with four members may have four times as much in hand.
func TestMembersShareTheLoad(t *testing.T) {
	b := balancer(2)
	b.answer(time.Millisecond, time.Millisecond)
	b.Answered(start, b.candidates[0], time.Millisecond, false, Report{Load: 7, Members: 4})
	b.Answered(start, b.candidates[1], time.Millisecond, false, Report{Load: 2})
	if c := b.Pick(start, nil); c.id != node(0) {
		t.Error("7 for 4 members count more than 2 for one")
	}
}

// What was bad is tried again as time goes by.
func TestBadTimesFade(t *testing.T) {
	for _, row := range []struct {
		name string
		bad  func(b *Balancer, c *Candidate)
		fade time.Duration
	}{
		{"slow", func(b *Balancer, c *Candidate) { b.Answered(start, c, 10*time.Millisecond, false, Report{}) }, 25 * time.Second},
		{"report", func(b *Balancer, c *Candidate) {
			b.Answered(start, c, time.Millisecond, false, Report{Load: 1000})
		}, 10 * time.Second},
		{"refusal", func(b *Balancer, c *Candidate) { b.Refused(start, c) }, 5 * time.Second},
		{"faults", func(b *Balancer, c *Candidate) {
			for i := range 2000 {
				b.Answered(start.Add(time.Duration(i)*time.Millisecond), c, time.Millisecond, true, Report{})
			}
		}, 20 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := balancer(2)
			b.answer(time.Millisecond, time.Millisecond)
			row.bad(b, b.candidates[0])
			later := start.Add(row.fade)
			b.Answered(later, b.candidates[1], time.Millisecond, false, Report{})
			b.candidates[1].inHand++ // which makes it twice as dear
			if c := b.Pick(later, nil); c.id != node(0) {
				t.Errorf("not tried again after %v", row.fade)
			}
		})
	}
}

// A node that nobody knows is tried at once, and only once until it has answered.
func TestUnknownIsTriedOnce(t *testing.T) {
	b := balancer(4)
	b.answer(time.Millisecond, time.Millisecond, time.Millisecond, time.Millisecond)
	b.SetNodes([]NodeID{node(0), node(1), node(2), node(3), node(4)})
	for range 1000 {
		b.Pick(start, nil)
	}
	fresh := b.candidates[4]
	if fresh.InHand() != 1 {
		t.Fatalf("%d requests for a node that has answered none, want 1", fresh.InHand())
	}
	b.Answered(start, fresh, time.Millisecond, false, Report{})
	for range 100 {
		b.Pick(start, nil)
	}
	if fresh.InHand() < 20 {
		t.Errorf("%d requests after it has answered", fresh.InHand())
	}
}

// If nobody is known, all are tried alike.
func TestAllAreUnknown(t *testing.T) {
	b := balancer(10)
	for range 100 {
		b.Pick(start, nil)
	}
	for i, c := range b.candidates {
		if c.InHand() < 5 || c.InHand() > 15 {
			t.Errorf("node %d has %d of 100", i, c.InHand())
		}
	}
}

// Who has refused a request is not asked again for it, until nobody is left.
func TestRefusedAreLeftOut(t *testing.T) {
	for n := range 6 {
		b := balancer(n)
		var refused []*Candidate
		for range n {
			c := b.Pick(start, refused)
			for _, r := range refused {
				if c == r {
					t.Fatalf("of %d, %v is asked twice", n, c.id)
				}
			}
			b.Refused(start, c)
			refused = append(refused, c)
		}
		if c := b.Pick(start, refused); c != nil {
			t.Errorf("of %d, %v is picked when all have refused", n, c.id)
		}
	}
}

// What is known of a node stays when others come and go; what comes for one that is
// gone does no harm.
func TestSetNodes(t *testing.T) {
	b := balancer(3)
	b.answer(time.Millisecond, time.Second, time.Millisecond)
	gone := b.candidates[2]
	b.SetNodes([]NodeID{node(1), node(0)})
	b.Answered(start, gone, time.Millisecond, false, Report{})
	if b.Len() != 2 || b.Pick(start, nil).id != node(0) {
		t.Error("the slow node is forgotten")
	}
}

func TestClockRunsBackwards(t *testing.T) {
	b := balancer(2)
	b.answer(time.Millisecond, 2*time.Millisecond)
	b.Answered(start.Add(-time.Hour), b.candidates[0], time.Millisecond, false, Report{Load: 1})
	if c := b.Pick(start.Add(-2*time.Hour), nil); c == nil || c.cost(start.Add(-time.Hour), &b.config) < 0 {
		t.Error("no pick in the past")
	}
}

func TestNoAllocations(t *testing.T) {
	b := balancer(100)
	refused := []*Candidate{b.candidates[1], b.candidates[5]}
	if n := testing.AllocsPerRun(1000, func() {
		c := b.Pick(start, nil)
		b.Answered(start, c, time.Millisecond, false, Report{Load: 1, Members: 1, Latency: time.Millisecond})
		b.Refused(start, b.Pick(start, refused))
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkPick(b *testing.B) {
	for _, n := range []int{2, 10, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			picker := New(Config{}, rand.NewPCG(1, 2))
			nodes := make([]NodeID, n)
			for i := range nodes {
				nodes[i] = NodeID{byte(i), byte(i >> 8)}
			}
			picker.SetNodes(nodes)
			now := start
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Microsecond)
				c := picker.Pick(now, nil)
				picker.Answered(now, c, time.Millisecond, false, Report{Load: 1, Members: 1, Latency: time.Millisecond})
			}
		})
	}
}
