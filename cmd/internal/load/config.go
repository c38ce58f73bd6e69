package load

import (
	"errors"
	"fmt"
	"time"
)

// Workload is a kind of load.
type Workload string

// The workloads.
const (
	Requests   Workload = "request"   // callers ask, and services echo
	Events     Workload = "publish"   // callers send events, to which services are subscribed
	Broadcasts Workload = "broadcast" // callers send to a cluster, of which services are the members
	Tunnels    Workload = "tunnel"    // callers open tunnels to services and send through them
)

// Config says what a run does. A field of zero means its default.
type Config struct {
	// Workload has no default.
	Workload Workload
	// Callers are the ports that callers attach to, one for each; the same port may be
	// there more than once. At least one.
	Callers []int
	// Services are the ports that services attach to, as Callers. At least one.
	Services []int
	// Size is the length of a message in bytes, at least MinSize. Default 128.
	Size int
	// InFlight is how many requests wait for their reply at a time, of all callers
	// together; how many events or broadcasts each caller has sent that some service has
	// not got; or how many tunnels are open. Default 16; 4,096 or what fits into 4 MiB; 1.
	InFlight int
	// Rate is how many messages are sent in a second, by all callers together. Zero: as
	// many as go.
	Rate float64
	// Warmup is how long the load runs before it is measured. Default 1 s; less than
	// zero means none.
	Warmup time.Duration
	// Duration is how long it is measured. Default 10 s.
	Duration time.Duration
	// Patience is how long nothing may move before what is missing counts as lost.
	// Default 5 s.
	Patience time.Duration
	// Ready is called when all have attached and reach each other, if it is not nil. The load
	// runs when it has returned.
	Ready func()
	// Boundary is called when the measured time begins and when it ends, if it is not nil.
	// The load goes on meanwhile.
	Boundary func()
	// Progress is called once a second while the load runs, if it is not nil.
	Progress func(Progress)
}

// MinSize is the least length of a message in bytes: it has to hold its number.
const MinSize = headerSize

// maxSize is what applications may send by default, in bytes.
const maxSize = 64 << 20

// ErrConfig says that a run cannot be as it was configured.
var ErrConfig = errors.New("cannot run this load")

// resolve puts the defaults in place, and checks the rest.
func (c Config) resolve() (Config, error) {
	setDefault(&c.Size, 128)
	setDefault(&c.InFlight, c.inFlight())
	setDefault(&c.Warmup, time.Second)
	setDefault(&c.Duration, 10*time.Second)
	setDefault(&c.Patience, 5*time.Second)
	c.Warmup = max(c.Warmup, 0)
	switch {
	case c.InFlight == 0:
		return c, fmt.Errorf("%w: there is no workload %q", ErrConfig, c.Workload)
	case len(c.Callers) == 0 || len(c.Services) == 0:
		return c, fmt.Errorf("%w: it needs a caller and a service", ErrConfig)
	case c.Size < MinSize || c.Size > maxSize:
		return c, fmt.Errorf("%w: messages of %d bytes; they have %d to %d", ErrConfig, c.Size, MinSize, maxSize)
	case c.InFlight < 0 || c.Rate < 0 || c.Duration < 0 || c.Patience < 0:
		return c, fmt.Errorf("%w: what is in flight, the rate, the time and the patience cannot be negative", ErrConfig)
	}
	return c, nil
}

// inFlight is the default; 0 if there is no such workload.
func (c Config) inFlight() int {
	const events, eventBytes = 4096, 4 << 20
	switch c.Workload {
	case Requests:
		return 16
	case Events, Broadcasts:
		return max(1, min(events, eventBytes/max(c.Size, 1)))
	case Tunnels:
		return 1
	}
	return 0
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
