package process

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Rest is what processes take while nothing is asked of them.
type Rest struct {
	Seconds   float64 `json:"seconds"`          // that they were left alone
	Processor Spread  `json:"processor"`        // share of a core
	Switches  Spread  `json:"context_switches"` // a second, of all threads
	RSS       Spread  `json:"rss_bytes"`        // resident memory
	PSS       Spread  `json:"pss_bytes"`        // of which what several map is parted between them
	Traffic   Traffic `json:"traffic"`
}

// Traffic is what the host has sent in a second, whoever sent it, for each of the processes.
// A batch of packets that is handed to the kernel at once counts as one UDP datagram. Without
// anything else in the network namespace it is theirs.
type Traffic struct {
	Datagrams float64 `json:"udp_datagrams"`
	Segments  float64 `json:"tcp_segments"`
	Bytes     float64 `json:"bytes"` // of IPv4 packets with their headers
}

// Spread is a figure of several processes.
type Spread struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

// NewSpread returns the spread of values; zero without any.
func NewSpread(values []float64) Spread {
	if len(values) == 0 {
		return Spread{}
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return Spread{Min: sorted[0], Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Max: sorted[n-1]}
}

// Measure looks at processes, leaves them alone for a time, and looks again. It fails with
// errors.ErrUnsupported where the system does not tell, and when the context ends.
func Measure(ctx context.Context, processes []*Process, alone time.Duration) (*Rest, error) {
	before, err := look(processes)
	if err != nil {
		return nil, err
	}
	select {
	case <-time.After(alone):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	after, err := look(processes)
	if err != nil {
		return nil, err
	}
	r := after.since(before)
	return &r, r.readMemory(processes)
}

// sight is what is seen of processes, one after the other.
type sight struct {
	at      time.Time // when the traffic was looked at
	traffic traffic
	usages  []usage
}

func look(processes []*Process) (s sight, err error) {
	s.at = time.Now()
	if s.traffic, err = readTraffic(); err != nil {
		return s, fmt.Errorf("reading what the host has sent: %w", err)
	}
	for _, p := range processes {
		u, err := readUsage(p.PID())
		if err != nil {
			return s, p.Failed(err)
		}
		s.usages = append(s.usages, u)
	}
	return s, nil
}

// since returns what the processes have taken since an earlier sight of them.
func (s sight) since(earlier sight) Rest {
	r := Rest{Seconds: s.at.Sub(earlier.at).Seconds()}
	var processor, switches []float64
	for i, u := range s.usages {
		before := earlier.usages[i]
		seconds := u.at.Sub(before.at).Seconds()
		processor = append(processor, (u.processor-before.processor).Seconds()/seconds)
		switches = append(switches, float64(u.switchesSince(before))/seconds)
	}
	r.Processor, r.Switches = NewSpread(processor), NewSpread(switches)
	each := r.Seconds * float64(len(s.usages))
	r.Traffic = Traffic{
		Datagrams: float64(s.traffic.datagrams-earlier.traffic.datagrams) / each,
		Segments:  float64(s.traffic.segments-earlier.traffic.segments) / each,
		Bytes:     float64(s.traffic.bytes-earlier.traffic.bytes) / each,
	}
	return r
}

// readMemory fills in what the processes hold. It is looked at last, as the kernel goes
// through all pages of a process for it.
func (r *Rest) readMemory(processes []*Process) error {
	var resident, proportional []float64
	for _, p := range processes {
		m, err := p.Memory()
		if err != nil {
			return err
		}
		resident = append(resident, float64(m.RSS))
		proportional = append(proportional, float64(m.PSS))
	}
	r.RSS, r.PSS = NewSpread(resident), NewSpread(proportional)
	return nil
}

// Memory looks at the memory of the process. It fails with errors.ErrUnsupported where the
// system does not tell.
func (p *Process) Memory() (Memory, error) {
	m, err := readMemory(p.PID())
	if err != nil {
		return m, p.Failed(err)
	}
	return m, nil
}
