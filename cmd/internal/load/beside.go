package load

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Beside has the same applications put two loads on a system at the same time, requests and
// what is beside them, and returns what it has found of each. The callers are those of the
// requests, and the services those of what is beside, which answer requests as well. Both are
// measured for as long as the requests say, after their warm-up; Ready, Boundary and Progress
// are those of the requests.
func Beside(ctx context.Context, system System, requests, beside Config) (of, other Result, err error) {
	return executeBeside(ctx, system, requests, beside, sleep)
}

// pair is two runs at a time: requests, and what is beside them.
type pair struct {
	runs      [2]*run
	workloads [2]workload
}

// executeBeside is Beside with a clock's sleep.
func executeBeside(ctx context.Context, system System, requests, beside Config, sleep func(time.Duration)) (of, other Result, err error) {
	if requests.Workload != Requests || beside.Workload == Requests {
		return of, other, fmt.Errorf("%w: it is for requests beside another workload", ErrConfig)
	}
	beside.Warmup, beside.Duration = requests.Warmup, requests.Duration
	beside.Ready, beside.Boundary, beside.Progress = nil, nil, nil
	requests.Services, beside.Callers = beside.Services, requests.Callers
	var p pair
	for i, config := range []Config{requests, beside} {
		if p.runs[i], err = newRun(system, config, sleep); err != nil {
			return of, other, err
		}
		p.workloads[i] = p.runs[i].workload()
	}
	defer p.runs[1].detach()
	if err := p.share(ctx); err != nil {
		return of, other, err
	}
	p.runs[0].ready()
	if err := p.measure(ctx); err != nil {
		return of, other, err
	}
	for _, w := range p.workloads { // requests first: the other one closes the services
		w.finish(ctx)
	}
	return p.runs[0].summary(), p.runs[1].summary(), ctx.Err()
}

// share attaches the applications, which are those of the other run, and have both loads.
func (p *pair) share(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, attachTimeout)
	defer cancel()
	of, other := p.runs[0], p.runs[1]
	if other.config.Workload != Events { // a topic has a name of its own
		other.name = of.name
	}
	for i, port := range other.config.Services {
		service := p.workloads[1].service(i)
		service.Request = p.workloads[0].service(i).Request
		conn, err := other.system.Serve(ctx, port, of.name, service)
		if err != nil {
			return fmt.Errorf("attaching a service at port %d: %w", port, err)
		}
		other.services = append(other.services, conn)
	}
	if err := other.attachCallers(ctx); err != nil {
		return err
	}
	of.services, of.callers = other.services, other.callers
	for i, r := range p.runs {
		if err := r.prepare(ctx, p.workloads[i]); err != nil {
			return err
		}
	}
	return nil
}

// measure runs both at the same time. When one fails it is of no use to go on with the other.
func (p *pair) measure(ctx context.Context) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var both sync.WaitGroup
	for i, r := range p.runs {
		both.Go(func() {
			if err := r.measure(ctx, p.workloads[i]); err != nil {
				fail(err)
			}
		})
	}
	both.Wait()
	return context.Cause(ctx)
}
