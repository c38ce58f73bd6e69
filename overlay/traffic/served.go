package traffic

import (
	"sync/atomic"
	"time"
)

// Served counts the requests that the members of a cluster at this node were given. Each ends
// in one of the other counts. Its methods are safe for concurrent use.
type Served struct {
	requests, faults, late, lost, refused atomic.Uint64

	latency Histogram
}

// Took counts a request that a member was given.
func (s *Served) Took() { s.requests.Add(1) }

// Answered counts an answer, a fault unless it is good, and the time that it took.
func (s *Served) Answered(took time.Duration, good bool) {
	s.latency.Observe(took)
	if !good {
		s.faults.Add(1)
	}
}

// Late counts a request that was not answered by its deadline.
func (s *Served) Late() { s.late.Add(1) }

// Lost counts requests whose member has gone without an answer.
func (s *Served) Lost(n int) { s.lost.Add(uint64(n)) }

// Refused counts a request that a member had no room for. It was not given to it.
func (s *Served) Refused() { s.refused.Add(1) }

// ServedCounts is a snapshot of [Served].
type ServedCounts struct {
	Requests uint64 // that members were given
	Faults   uint64 // answers that were faults
	Late     uint64 // requests that were not answered by their deadline
	Lost     uint64 // requests whose member has gone without an answer
	Refused  uint64 // requests that a member had no room for; they went elsewhere or waited
	Latency  Counts // of answers, faults included: from being handed over to the answer
}

// AddTo adds what was counted to a snapshot.
func (s *Served) AddTo(c *ServedCounts) {
	c.Requests += s.requests.Load()
	c.Faults += s.faults.Load()
	c.Late += s.late.Load()
	c.Lost += s.lost.Load()
	c.Refused += s.refused.Load()
	s.latency.AddTo(&c.Latency)
}

// Sub takes an earlier snapshot off.
func (c *ServedCounts) Sub(earlier *ServedCounts) {
	c.Requests -= earlier.Requests
	c.Faults -= earlier.Faults
	c.Late -= earlier.Late
	c.Lost -= earlier.Lost
	c.Refused -= earlier.Refused
	c.Latency.Sub(&earlier.Latency)
}

// Add adds another snapshot.
func (c *ServedCounts) Add(other *ServedCounts) {
	c.Requests += other.Requests
	c.Faults += other.Faults
	c.Late += other.Late
	c.Lost += other.Lost
	c.Refused += other.Refused
	c.Latency.Add(&other.Latency)
}
