package load

import (
	"errors"
	"fmt"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Result is what a run has found.
type Result struct {
	Workload Workload `json:"workload"`
	Callers  int      `json:"callers"`
	Services int      `json:"services"`
	Size     int      `json:"size"`           // of a message, in bytes
	InFlight int      `json:"in_flight"`      // as Config has it
	Rate     float64  `json:"rate,omitempty"` // asked for, messages a second; 0: as many as went

	Seconds        float64 `json:"seconds"`          // that were measured
	PerSecond      float64 `json:"per_second"`       // replies, or messages that arrived at a service
	BytesPerSecond float64 `json:"bytes_per_second"` // of those
	Latency        Latency `json:"latency_us"`

	// Over the whole run, with the warm-up.
	Sent       int64            `json:"sent"`       // by callers
	Received   int64            `json:"received"`   // replies, or messages that arrived at a service
	Lost       int64            `json:"lost"`       // without a reply, or that should have arrived at a service
	Duplicated int64            `json:"duplicated"` // that came twice to a service
	Reordered  int64            `json:"reordered"`  // that came after one that the same caller sent later
	Failures   map[string]int64 `json:"failures,omitempty"`
}

// Latency are percentiles in microseconds.
type Latency struct {
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// ErrLost says that messages were lost, came twice or in another order.
var ErrLost = errors.New("messages are missing, or came twice or in another order")

// Err returns an error that wraps [ErrLost] unless each message came once and in order.
func (r Result) Err() error {
	if r.Lost == 0 && r.Duplicated == 0 && r.Reordered == 0 {
		return nil
	}
	err := fmt.Errorf("%w: of %d sent %d lost, %d duplicated, %d reordered", ErrLost, r.Sent, r.Lost, r.Duplicated, r.Reordered)
	for text, n := range r.Failures {
		err = fmt.Errorf("%w; %d × %s", err, n, text)
	}
	return err
}

// Progress is how far a run is.
type Progress struct {
	Elapsed   time.Duration // since the load began
	Whole     time.Duration // warm-up and measured time
	Warm      bool          // it is measured
	PerSecond float64       // since the last call
	Total     int64         // since the load began
}

func percentiles(h *hdrhistogram.Histogram) Latency {
	at := func(p float64) float64 { return float64(h.ValueAtPercentile(p)) / float64(time.Microsecond) }
	return Latency{P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: at(100)}
}
