package load

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// attachTimeout bounds attaching, and the wait until a way is found.
const attachTimeout = 10 * time.Second

// probeInterval is the time between tries to reach a service.
const probeInterval = 10 * time.Millisecond

// run is one run.
type run struct {
	config Config
	system System
	sleep  func(time.Duration)
	name   string // of the cluster or topic, which nobody else has

	began   time.Time
	from    time.Duration // since it began: what is due earlier is not measured
	end     time.Duration // since it began: nothing is due later
	stopped atomic.Bool   // nothing more is sent

	callers, services []Conn
	meters            []*meter
	result            Result
	failures          failures
}

// now is the time since the run began.
func (r *run) now() time.Duration { return time.Since(r.began) }

// workload is what differs from one workload to another.
type workload interface {
	// service is what the service with this index does.
	service(i int) Service
	// prepare is called when all have attached, and returns when there is a way from
	// each caller to each service.
	prepare(ctx context.Context) error
	// start starts the senders, in goroutines of the group, which end when the run is
	// stopped and nothing moves any more.
	start(ctx context.Context, senders *sync.WaitGroup)
	// finish is called when the senders have ended. It waits for what is on its way, and
	// fills in what was sent, lost, duplicated and reordered.
	finish(ctx context.Context)
}

// Run puts load on a system, and returns what it has found. What was lost is no error of
// Run, but of the result. When the context ends so does the run, with its error.
func Run(ctx context.Context, system System, config Config) (Result, error) {
	return execute(ctx, system, config, sleep)
}

// execute is Run with a clock's sleep.
func execute(ctx context.Context, system System, config Config, sleep func(time.Duration)) (Result, error) {
	r, err := newRun(system, config, sleep)
	if err != nil {
		return Result{}, err
	}
	w := r.workload()
	defer r.detach()
	if err := r.attach(ctx, w); err != nil {
		return Result{}, err
	}
	r.ready()
	if err := r.measure(ctx, w); err != nil {
		return Result{}, err
	}
	w.finish(ctx)
	return r.summary(), ctx.Err()
}

// ready says that all have attached.
func (r *run) ready() {
	if r.config.Ready != nil {
		r.config.Ready()
	}
}

func newRun(system System, config Config, sleep func(time.Duration)) (*run, error) {
	config, err := config.resolve()
	if err != nil {
		return nil, err
	}
	r := &run{config: config, system: system, sleep: sleep, name: "bench-" + rand.Text(), began: time.Now()}
	r.failures.byText = make(map[string]int64)
	return r, nil
}

func (r *run) workload() workload {
	switch r.config.Workload {
	case Requests:
		return newRequests(r)
	case Tunnels:
		return newTunnels(r)
	default:
		return newFanout(r)
	}
}

// attach attaches services and callers, and waits until each reaches the others.
func (r *run) attach(ctx context.Context, w workload) error {
	ctx, cancel := context.WithTimeout(ctx, attachTimeout)
	defer cancel()
	for i, port := range r.config.Services {
		conn, err := r.serve(ctx, port, w.service(i))
		if err != nil {
			return fmt.Errorf("attaching a service at port %d: %w", port, err)
		}
		r.services = append(r.services, conn)
	}
	if err := r.attachCallers(ctx); err != nil {
		return err
	}
	return r.prepare(ctx, w)
}

func (r *run) attachCallers(ctx context.Context) error {
	for _, port := range r.config.Callers {
		conn, err := r.system.Connect(ctx, port)
		if err != nil {
			return fmt.Errorf("attaching a caller at port %d: %w", port, err)
		}
		r.callers = append(r.callers, conn)
	}
	return nil
}

func (r *run) prepare(ctx context.Context, w workload) error {
	if err := w.prepare(ctx); err != nil {
		return fmt.Errorf("no way from the callers to the services: %w", err)
	}
	return nil
}

// serve attaches a service: a subscriber is a plain client.
func (r *run) serve(ctx context.Context, port int, service Service) (Conn, error) {
	if r.config.Workload == Events {
		return r.system.Connect(ctx, port)
	}
	return r.system.Serve(ctx, port, r.name, service)
}

func (r *run) detach() {
	for _, conn := range append(r.callers, r.services...) {
		_ = conn.Close()
	}
}

// pause waits, and returns false if the context has ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// measure runs the load, and counts what arrives between two moments.
func (r *run) measure(ctx context.Context, w workload) error {
	r.began = time.Now()
	r.from = r.config.Warmup
	r.end = r.config.Warmup + r.config.Duration
	load, cancel := context.WithCancel(ctx)
	defer cancel()
	var senders sync.WaitGroup
	w.start(load, &senders)
	err := r.watch(ctx)
	r.stopped.Store(true)
	defer time.AfterFunc(r.config.Patience, cancel).Stop()
	senders.Wait()
	return err
}

// settleInterval is how often it is looked whether all has arrived.
const settleInterval = 5 * time.Millisecond

// settle waits until all has arrived, or nothing does for as long as the run is patient.
func (r *run) settle(ctx context.Context, arrived func() (n int64, all bool)) {
	ticker := time.NewTicker(settleInterval)
	defer ticker.Stop()
	before, moved := int64(-1), time.Now()
	for {
		n, all := arrived()
		if n > before {
			before, moved = n, time.Now()
		}
		if all || time.Since(moved) > r.config.Patience {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// watch waits for the end of the run, and tells of its progress.
func (r *run) watch(ctx context.Context) error {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	var last mark
	for _, until := range []time.Duration{r.from, r.end} {
		first := r.mark()
		if err := r.await(ctx, until, ticker, &last); err != nil {
			return err
		}
		second := r.mark()
		if r.config.Boundary != nil {
			r.config.Boundary()
		}
		r.result.Seconds = (second.at - first.at).Seconds()
		r.result.PerSecond = second.rate(first)
	}
	return nil
}

// await waits until a time, and tells of the progress meanwhile.
func (r *run) await(ctx context.Context, until time.Duration, ticker *time.Ticker, last *mark) error {
	timer := time.NewTimer(until - r.now())
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			now := r.mark()
			if r.config.Progress != nil {
				r.config.Progress(Progress{
					Elapsed: now.at, Whole: r.end, Warm: now.at >= r.from,
					PerSecond: now.rate(*last), Total: now.done,
				})
			}
			*last = now
		}
	}
}

// mark is how much was done at some moment.
type mark struct {
	at   time.Duration
	done int64
}

func (r *run) mark() mark { return mark{r.now(), total(r.meters)} }

// rate is what was done in a second since an earlier mark.
func (m mark) rate(earlier mark) float64 {
	return float64(m.done-earlier.done) / max((m.at-earlier.at).Seconds(), 1e-9)
}

// summary fills in what all workloads have.
func (r *run) summary() Result {
	result := r.result
	result.Workload, result.Size = r.config.Workload, r.config.Size
	result.Callers, result.Services = len(r.callers), len(r.services)
	result.InFlight, result.Rate = r.config.InFlight, r.config.Rate
	result.BytesPerSecond = result.PerSecond * float64(result.Size)
	result.Latency = percentiles(sum(r.meters))
	result.Received = total(r.meters)
	result.Failures = r.failures.byText
	return result
}

// timed reports whether the latency of a message counts.
func (r *run) timed(due time.Duration) bool { return due > 0 && due >= r.from }

// failures counts errors by their text.
type failures struct {
	mu     sync.Mutex
	byText map[string]int64
}

// maxTexts bounds how many kinds there are.
const maxTexts = 16

func (f *failures) add(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	text := err.Error()
	if _, known := f.byText[text]; !known && len(f.byText) >= maxTexts {
		text = "others"
	}
	f.byText[text]++
}
