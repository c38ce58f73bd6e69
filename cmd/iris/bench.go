package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/project-iris/iris/cmd/internal/load"
	"github.com/project-iris/iris/node"
)

// benchFlags are the flags of the bench command.
type benchFlags struct {
	at, serve        list
	callers, members int
	load             load.Config
	beside           string // a workload
	besideSize       int
	json             bool
}

func (f *benchFlags) register(fs *flag.FlagSet) {
	fs.Var(&f.at, "at", fmt.Sprintf("`PORT` of a node for callers; repeatable, or separated by commas (default %d)", node.DefaultPort))
	fs.Var(&f.serve, "serve", "`PORT` of a node for services; repeatable, or separated by commas (default as -at)")
	fs.IntVar(&f.callers, "callers", 1, "`number` of callers for each port of -at")
	fs.IntVar(&f.members, "members", 1, "`number` of services for each port of -serve")
	fs.IntVar(&f.load.Size, "size", 128, "`bytes` of a message")
	fs.IntVar(&f.load.InFlight, "inflight", 0, "`number` of requests, of events of each caller, or of tunnels in flight; 0 means 16 requests, 4,096 events or 4 MiB of them, and 1 tunnel")
	fs.Float64Var(&f.load.Rate, "rate", 0, "`messages` a second, of all callers together; 0 means as many as possible")
	fs.DurationVar(&f.load.Duration, "for", 10*time.Second, "`time` for which the load is measured")
	fs.DurationVar(&f.load.Warmup, "warmup", time.Second, "`time` for which the load runs before it is measured")
	fs.StringVar(&f.beside, "beside", "", "`workload` that the same callers and services have at the same time, as fast as it goes: publish, broadcast or tunnel; for request only")
	fs.IntVar(&f.besideSize, "beside-size", 4096, "`bytes` of a message of -beside")
	fs.BoolVar(&f.json, "json", false, "print the result as JSON, and that of -beside in a line of its own")
}

func (p *program) benchCommand() *command {
	var f benchFlags
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.register(fs)
	return &command{
		Name:       "bench",
		ShortUsage: "iris bench [flags] request | publish | broadcast | tunnel\n  iris bench network [flags]",
		ShortHelp:  "put load on running nodes, and measure it",
		LongHelp: `
Attaches callers and services to nodes of this host, which may be different ones, and
has the callers send to the services as applications do: requests that are echoed,
events, broadcasts, or messages through tunnels.

With -rate the latency of a message counts from when it was due, so that a pause is seen
in all the messages that were due meanwhile. Every message has a number: the exit code is
1 if one is lost, comes twice, or in another order.

With -beside the callers ask while they send something else as well, and both are
measured: how long does a request take beside bulk data?`,
		FlagSet:     fs,
		Argument:    words("request", "publish", "broadcast", "tunnel"),
		Subcommands: []*command{p.benchNetworkCommand()},
		Exec: func(ctx context.Context, args []string) error {
			if len(args) != 1 {
				return usagef("iris bench wants one workload, request, publish, broadcast or tunnel, or the command network")
			}
			if err := f.resolve(args[0]); err != nil {
				return err
			}
			ctx, stop := p.interruptible(ctx)
			defer stop()
			return p.bench(ctx, &f)
		},
	}
}

// resolve makes the configuration of the load whole.
func (f *benchFlags) resolve(workload string) error {
	f.load.Workload = load.Workload(workload)
	if len(f.at) == 0 {
		f.at = list{strconv.Itoa(node.DefaultPort)}
	}
	if len(f.serve) == 0 {
		f.serve = f.at
	}
	if f.callers < 1 || f.members < 1 || f.load.Duration <= 0 || f.load.Warmup < 0 {
		return usagef("-callers, -members and -for have to be positive, and -warmup not negative")
	}
	if f.load.Warmup == 0 {
		f.load.Warmup = -1 // none, and not the default
	}
	var err error
	if f.load.Callers, err = ports("-at", f.at, f.callers); err != nil {
		return err
	}
	f.load.Services, err = ports("-serve", f.serve, f.members)
	return err
}

// ports parses the ports of a flag, each of which is to be used some times.
func ports(flag string, texts list, times int) ([]int, error) {
	var all []int
	for _, text := range texts {
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil || port == 0 {
			return nil, usagef("%s: %q is no port of a node: want a number between 1 and 65535", flag, text)
		}
		all = append(all, slices.Repeat([]int{int(port)}, times)...)
	}
	return all, nil
}

// bench runs the load and prints what it has found.
func (p *program) bench(ctx context.Context, f *benchFlags) error {
	terminal := isTerminal(p.err)
	if terminal {
		f.load.Progress = p.benchProgress
	}
	results, err := f.run(ctx)
	if terminal {
		fmt.Fprint(p.err, clearLine)
	}
	if errors.Is(err, load.ErrConfig) {
		return usagef("%v", err)
	}
	if err != nil {
		return fmt.Errorf("bench: %w", err)
	}
	var lost error
	for _, r := range results {
		if err := p.printResult(&r, f.json); err != nil {
			return err
		}
		lost = errors.Join(lost, r.Err())
	}
	return lost
}

// run runs the load, and what is beside it.
func (f *benchFlags) run(ctx context.Context) ([]load.Result, error) {
	if f.beside == "" {
		r, err := load.Run(ctx, load.Iris{}, f.load)
		return []load.Result{r}, err
	}
	beside := load.Config{Workload: load.Workload(f.beside), Size: f.besideSize, Callers: f.load.Callers, Services: f.load.Services}
	r, other, err := load.Beside(ctx, load.Iris{}, f.load, beside)
	return []load.Result{r, other}, err
}

// clearLine goes to the start of a line of a terminal and clears it (ECMA-48, EL).
const clearLine = "\r\x1b[K"

// benchProgress says on one line of a terminal how far a run is.
func (p *program) benchProgress(now load.Progress) {
	phase := "warming up"
	if now.Warm {
		phase = "measuring"
	}
	fmt.Fprintf(p.err, "%s%s %.0f/%.0f s  %.0f/s", clearLine, phase, now.Elapsed.Seconds(), now.Whole.Seconds(), now.PerSecond)
}

func (p *program) printResult(r *load.Result, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(p.out).Encode(r)
	}
	_, err := fmt.Fprintf(p.out, `%s: %d callers, %d services, %d bytes, %d in flight
%.0f/s, %.1f MB/s, in %.1f s
latency: %s p50, %s p90, %s p99, %s p99.9, %s at most
%d sent, %d received, %d lost, %d duplicated, %d reordered
`,
		r.Workload, r.Callers, r.Services, r.Size, r.InFlight,
		r.PerSecond, r.BytesPerSecond/1e6, r.Seconds,
		latency(r.Latency.P50), latency(r.Latency.P90), latency(r.Latency.P99), latency(r.Latency.P999), latency(r.Latency.Max),
		r.Sent, r.Received, r.Lost, r.Duplicated, r.Reordered)
	return err
}

// latency writes microseconds as people do.
func latency(us float64) string {
	return time.Duration(us * float64(time.Microsecond)).Round(time.Microsecond).String()
}
