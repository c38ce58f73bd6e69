//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/cmd/internal/process"
	"github.com/project-iris/iris/cmd/internal/report"
	"github.com/project-iris/iris/cmd/internal/witness"
)

const hosts = 5

// The quiet end of a round.
const (
	within = 5 * time.Second // after a split heals, all reach all again: docs/semantics.md
	quiet  = 15 * time.Second
	last   = 4 * time.Second // what is sent in the last seconds may still be under way
)

var pace = witness.Pace{
	Request: 50 * time.Millisecond, Message: 100 * time.Millisecond,
	Tunnel: 300 * time.Millisecond, Stream: 300 * time.Millisecond,
}

// chaos is hosts, their nodes and applications.
type chaos struct {
	programs     []string
	kinds        []kind // of faults
	started      atomic.Int32
	group        *process.Group
	hosts        []*host
	applications []*witness.Application
	ledger       *witness.Ledger

	took    time.Duration
	stalled time.Duration // how long this process was not let run, at most
	rounds  []round
	told    map[string]int // how often each promise was broken, at the end of the last round
}

// round is what came of a round.
type round struct {
	faults []fault
	after  time.Duration // its last failure, after all was mended
}

// starts counts starts of nodes.
func (c *chaos) starts() int { return int(c.started.Add(1)) }

// prepare makes all that is needed.
func prepare(ctx context.Context, o options) (c *chaos, err error) {
	c = &chaos{programs: o.programs, kinds: kinds, group: process.NewGroup(), ledger: witness.NewLedger()}
	if o.clocks {
		c.kinds = append(slices.Clone(kinds), clockSet)
	}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	dir, err := os.MkdirTemp("/run", "chaos-")
	if err != nil {
		return c, fmt.Errorf("/run has to be a file system of this namespace: %w", err)
	}
	key := filepath.Join(dir, "network.pem")
	if err = errors.Join(run(c.programs[0], "keygen", key), all("ip link add name wire type bridge", "ip link set wire up")); err != nil {
		return c, err
	}
	for number := 1; number <= hosts; number++ {
		h, err := newHost(number, dir, o.logs, key, c.group)
		if err != nil {
			return c, err
		}
		c.hosts = append(c.hosts, h)
		if o.clocks {
			if h.clock, err = newClock(h.dir, skew(number)); err != nil {
				return c, err
			}
		}
		if err := h.start(ctx, c.programs[0]); err != nil {
			return c, err
		}
		a, err := witness.Start(ctx, c.ledger, witness.Config{Name: fmt.Sprint("app", number), Node: h.name, Socket: h.socket, Dir: h.dir, Pace: pace, TwoConnections: o.two})
		if err != nil {
			return c, err
		}
		c.applications = append(c.applications, a)
	}
	return c, nil
}

func (c *chaos) close() {
	for _, a := range c.applications {
		a.Close()
	}
	c.group.Close()
	for _, h := range c.hosts {
		_ = h.log.Close()
		h.clock.close()
	}
}

// run goes through the rounds.
func (c *chaos) run(ctx context.Context, o options) error {
	begun := time.Now()
	watched, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { c.stalled = c.ledger.Watch(watched) })
	defer func() {
		stop()
		watch.Wait()
		c.took = time.Since(begun)
	}()
	plan := newPlanner(o.seed, hosts, c.kinds)
	if err := c.settle(ctx, nil); err != nil { // nothing has gone wrong yet
		return err
	}
	for time.Since(begun) < o.duration {
		faults := plan.round()
		for _, f := range faults {
			fmt.Printf("%7v round %d: %v\n", time.Since(begun).Round(time.Second), len(c.rounds), f)
		}
		if err := c.inflict(ctx, faults); err != nil {
			return err
		}
		if err := c.settle(ctx, faults); err != nil {
			return err
		}
	}
	return nil
}

// settle is the quiet end of a round.
func (c *chaos) settle(ctx context.Context, faults []fault) error {
	mended := time.Now()
	pass(ctx, quiet)
	now := time.Now()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	before := c.told
	after := c.ledger.Close(witness.Round{Mended: mended, Until: now.Add(-last), Within: within}, now)
	c.rounds = append(c.rounds, round{faults, after})
	fmt.Printf("        round %d: the last failure was %v after all was mended\n", len(c.rounds)-1, after.Round(time.Millisecond))
	c.told = c.brokenNow()
	for promise, n := range c.told {
		if n > before[promise] {
			fmt.Printf("        round %d: BROKEN %d times: %s\n", len(c.rounds)-1, n-before[promise], promise)
		}
	}
	return nil
}

// brokenNow returns how often each promise was broken so far.
func (c *chaos) brokenNow() map[string]int {
	broken := make(map[string]int)
	for promise, count := range c.ledger.Counts() {
		if count.Broken > 0 {
			broken[promise] = count.Broken
		}
	}
	return broken
}

func (c *chaos) broken() bool { return len(c.brokenNow()) > 0 }

// report is the Markdown of what came of it.
func (c *chaos) report(o options) string {
	lines := []string{"", fmt.Sprintf("Seed %d, %v, %d rounds, %d hosts. The machine let the applications wait for %v at most.", o.seed, c.took.Round(time.Second), len(c.rounds), hosts, c.stalled.Round(time.Millisecond)), ""}
	lines = append(lines, report.Heading("fault", "times", "latest failure after it was mended"))
	for _, k := range c.kinds {
		times, latest := 0, time.Duration(0)
		for _, r := range c.rounds {
			for _, f := range r.faults {
				if f.kind == k {
					times, latest = times+1, max(latest, r.after)
				}
			}
		}
		lines = append(lines, report.Line(string(k), fmt.Sprint(times), fmt.Sprintf("%.1f s", latest.Seconds())))
	}
	lines = append(lines, "", report.Heading("promise", "checked", "broken"))
	counts := c.ledger.Counts()
	for _, promise := range witness.Promises {
		lines = append(lines, report.Line(promise, report.Thousands(float64(counts[promise].Checked)), fmt.Sprint(counts[promise].Broken)))
	}
	lines = append(lines, "", report.Heading("what came of it", "times"))
	outcomes := c.ledger.Outcomes()
	var names []string
	for name := range outcomes {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		lines = append(lines, report.Line(name, report.Thousands(float64(outcomes[name]))))
	}
	for _, promise := range witness.Promises {
		for _, why := range counts[promise].First {
			lines = append(lines, "broken: "+promise+": "+why)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}
