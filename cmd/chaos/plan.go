//go:build linux

package main

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// kind is a kind of fault.
type kind string

// The kinds.
const (
	killed      kind = "node killed, and started"
	stopped     kind = "node stopped in good order, and started"
	paused      kind = "node paused (SIGSTOP)"
	pulled      kind = "cable pulled"
	oneWay      kind = "way cut from one node to another"
	lossy       kind = "packets lost"
	smaller     kind = "MTU of a host lowered"
	swallowed   kind = "large packets swallowed"
	full        kind = "disk full under -state"
	descriptors kind = "descriptors used up"
	clockSet    kind = "clock set, and set right" // of programs that have one of their own
)

var kinds = []kind{killed, stopped, paused, pulled, oneWay, lossy, smaller, swallowed, full, descriptors}

// fault is something that goes wrong for a time.
type fault struct {
	kind   kind
	host   int // from 0
	other  int // of oneWay: whose packets do not come
	after  time.Duration
	length time.Duration
	amount int // packets of a hundred, bytes of the MTU, or seconds that a clock is ahead
}

func (f fault) String() string {
	text := fmt.Sprintf("%s: host %d", f.kind, f.host+1)
	switch f.kind {
	case oneWay:
		text += fmt.Sprintf(" from host %d", f.other+1)
	case lossy:
		text += fmt.Sprintf(", %d %%", f.amount)
	case smaller, swallowed:
		text += fmt.Sprintf(", %d bytes", f.amount)
	case clockSet:
		way := "ahead"
		if f.amount < 0 {
			way = "back"
		}
		text += fmt.Sprintf(", %s by %v", way, (time.Duration(f.amount) * time.Second).Abs())
	}
	return fmt.Sprintf("%s, after %v for %v", text, f.after.Round(time.Millisecond), f.length.Round(time.Millisecond))
}

// longest is how long a round of faults lasts at most; a node that has been stopped takes a few
// seconds more to end and to be ready.
const longest = 10 * time.Second

// planner makes rounds of faults of a seed. Each kind comes as often as the others.
type planner struct {
	random *rand.Rand
	hosts  int
	kinds  []kind
	next   []kind
}

func newPlanner(seed uint64, hosts int, kinds []kind) *planner {
	return &planner{random: rand.New(rand.NewPCG(seed, 20)), hosts: hosts, kinds: kinds}
}

// round returns the faults of the next round, one to three, each of a host of its own.
func (p *planner) round() []fault {
	hosts := p.random.Perm(p.hosts)
	faults := make([]fault, 1+p.random.IntN(3))
	for i := range faults {
		faults[i] = p.fault(hosts[i], hosts[(i+1)%p.hosts])
	}
	slices.SortFunc(faults, func(a, b fault) int { return cmp.Compare(a.after, b.after) })
	return faults
}

func (p *planner) fault(host, other int) fault {
	if len(p.next) == 0 {
		p.next = slices.Clone(p.kinds)
		p.random.Shuffle(len(p.next), func(i, j int) { p.next[i], p.next[j] = p.next[j], p.next[i] })
	}
	f := fault{kind: p.next[0], host: host, other: other}
	p.next = p.next[1:]
	f.after = time.Duration(p.random.Int64N(int64(longest / 3)))
	f.length = 200*time.Millisecond + time.Duration(p.random.Int64N(int64(longest-f.after-200*time.Millisecond)))
	switch f.kind {
	case lossy:
		f.amount = 1 + p.random.IntN(40)
	case smaller, swallowed:
		f.amount = 1280 + p.random.IntN(150)
	case clockSet: // from a second to twelve days, each magnitude as often, ahead or back
		f.amount = int(math.Exp2(20*p.random.Float64())) * (1 - 2*p.random.IntN(2))
	}
	return f
}
