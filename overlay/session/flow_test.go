package session

import (
	"testing"
	"time"
)

// path is a link with a rate and a round trip, on which a lane always has something to write.
type path struct {
	window
	now   time.Time
	trip  time.Duration
	rate  uint64 // bytes a second
	busy  time.Time
	reads []arrival
}

type arrival struct {
	at    time.Time
	bytes uint64
}

// run writes for a while, and returns the rate, and the longest that anything was queued in the
// last half of it.
func (p *path) run(d time.Duration) (rate uint64, queue time.Duration) {
	const size = 16 << 10
	begin, end := p.now, p.now.Add(d)
	var half uint64
	for p.now.Before(end) {
		for p.take(p.now, size) {
			if p.busy.Before(p.now) {
				p.busy = p.now
			}
			wait := p.busy.Sub(p.now)
			if p.now.Sub(begin) > d/2 {
				queue, half = max(queue, wait), half+size
			}
			p.busy = p.busy.Add(time.Duration(size * uint64(time.Second) / p.rate))
			p.reads = append(p.reads, arrival{p.busy.Add(p.trip), p.written})
		}
		p.now = p.reads[0].at
		p.read(p.now, p.reads[0].bytes)
		p.reads = p.reads[1:]
	}
	return half * 2 * uint64(time.Second) / uint64(d), queue
}

// A lane alone gets what the link carries, whether that is near and fast or far, with little
// more on its way than the link carries in a round trip and the delay.
func TestTheWindowFitsTheLink(t *testing.T) {
	rows := []struct {
		name string
		rate uint64
		trip time.Duration
	}{
		{"loopback", 200 << 20, 100 * time.Microsecond},
		{"a switch", 120 << 20, 300 * time.Microsecond},
		{"a continent", 50 << 20, 60 * time.Millisecond},
		{"a slow line", 1 << 20, 20 * time.Millisecond},
	}
	for _, row := range rows {
		p := &path{window: newWindow(), now: time.Now(), rate: row.rate, trip: row.trip}
		rate, queue := p.run(20 * time.Second)
		least := time.Duration(flowLeast * uint64(time.Second) / row.rate)
		if rate < row.rate*9/10 {
			t.Errorf("%s: %d of %d bytes a second", row.name, rate, row.rate)
		}
		if most := max(2*(row.trip+flowDelay), 2*least); queue > most {
			t.Errorf("%s: %v are queued, want %v at the most", row.name, queue, most)
		}
		// The route becomes longer: in a while that is what a round trip takes.
		p.trip = 2*row.trip + time.Millisecond
		if rate, _ := p.run(4 * flowMemory); rate < row.rate*9/10 {
			t.Errorf("%s, longer: %d of %d bytes a second", row.name, rate, row.rate)
		}
	}
}

// A node that claims to have read more than there is gains nothing by it, and one that says
// nothing stops the lane.
func TestWhatWasReadIsNotBelieved(t *testing.T) {
	now, w := time.Now(), newWindow()
	w.read(now, 1<<60)
	var taken uint64
	for w.take(now, 1<<10) {
		taken += 1 << 10
	}
	if taken != flowFirst {
		t.Errorf("%d bytes were taken", taken)
	}
	w.read(now, 1<<60)
	w.read(now, 0)
	if !w.take(now, 1) || w.limit > flowMost || w.limit < flowLeast {
		t.Errorf("no room for what was read, of %d", w.limit)
	}
}

// What was taken and not written does not count as being on its way.
func TestAWindowTakesBack(t *testing.T) {
	w, now := newWindow(), time.Unix(1000, 0)
	for range 1000 {
		if !w.take(now, flowFirst) {
			t.Fatal("the window is full of what was given back")
		}
		w.giveBack(flowFirst)
	}
	w.take(now, readEvery)
	w.take(now, 1) // which a trip would be measured by
	w.giveBack(1)
	now = now.Add(time.Hour)
	w.read(now, readEvery)
	w.take(now, 1)
	w.read(now, readEvery+1)
	if w.least != 0 {
		t.Errorf("a round trip of %v was measured by what was not written", w.least)
	}
	w.take(now, 1<<10)
	w.read(now, 1<<60) // which is too early, and then not true
	w.giveBack(1 << 10)
	if !w.take(now, 1) {
		t.Error("there is no room when all was read")
	}
}
