// Command overhead measures what it costs to look at nodes.
//
//	overhead -iris FILE [-for 20s] [-rate 2000] [-rounds 2]
//
// It is for Linux. Two nodes on loopback are started anew for each phase, and phases take turns
// within one run: A, in which nobody looks, and B, in which each node has -http, is scraped for
// /metrics as Prometheus does (in the protobuf format, every 5 s), and is asked for /v1/network as
// the page does (every 2 s). In each phase it measures, one after the other, each for the time
// that -for says:
//
//   - the processor time that both nodes take while nothing is sent,
//   - the rate of requests from one node to the other with 128 in flight,
//   - the 99th percentile of their latency at a fixed rate.
//
// It prints the ratio of each B to the A before it, their median first.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/project-iris/iris/cmd/internal/process"
	"github.com/project-iris/iris/cmd/internal/report"
	"github.com/project-iris/iris/cmd/internal/tool"
)

// inFlight is how many requests wait for their answer when the rate is measured.
const inFlight = 128

// options are what the flags say.
type options struct {
	program string
	each    time.Duration
	rate    float64
	rounds  int
}

func main() { tool.Main("overhead", start) }

func start(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "iris-overhead-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	group := process.NewGroup()
	defer group.Close()
	key := filepath.Join(dir, "network.pem")
	keygen, err := group.Start(process.Spec{Name: "keygen", Path: o.program, Args: []string{"keygen", key}})
	if err != nil {
		return err
	}
	<-keygen.Ended()
	var plain, watched []figures
	for round := range o.rounds {
		for _, phase := range []struct {
			name    string
			looks   bool
			figures *[]figures
		}{{"A", false, &plain}, {"B", true, &watched}} {
			f, err := measure(ctx, group, o, key, phase.looks)
			if err != nil {
				return fmt.Errorf("phase %s of round %d: %w", phase.name, round+1, err)
			}
			fmt.Fprintf(os.Stderr, "%s: idle %.2f ms a second, %.0f requests a second, p99 %.0f µs\n", phase.name, 1000*f.idle, f.rate, f.p99)
			*phase.figures = append(*phase.figures, f)
		}
	}
	fmt.Print(table(o, plain, watched))
	return nil
}

func parse(args []string) (o options, err error) {
	fs := flag.NewFlagSet("overhead", flag.ContinueOnError)
	fs.StringVar(&o.program, "iris", "", "`file` of the program iris")
	fs.DurationVar(&o.each, "for", 20*time.Second, "`time` of each measurement")
	fs.Float64Var(&o.rate, "rate", 2000, "requests a second when latency is measured")
	fs.IntVar(&o.rounds, "rounds", 2, "`number` of rounds of A and B")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	if fs.NArg() > 0 || o.program == "" || o.each < time.Second || o.rate < 1 || o.rounds < 1 {
		return o, fmt.Errorf("%w: -iris names the program; -for is a second at least, -rate and -rounds are 1", tool.ErrUsage)
	}
	o.program, err = filepath.Abs(o.program)
	return o, err
}

// table compares phases. There are as many of the one kind as of the other.
func table(o options, plain, watched []figures) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s; %d rounds, %v each\n\n", report.Machine(), o.rounds, o.each)
	fmt.Fprintln(&b, report.Heading("", "nobody looks", "scraped and shown", "ratio"))
	for _, row := range []struct {
		name, form string
		of         func(figures) float64
	}{
		{fmt.Sprintf("requests a second, %d in flight", inFlight), "%.0f", func(f figures) float64 { return f.rate }},
		{fmt.Sprintf("p99 at %.0f requests a second, µs", o.rate), "%.0f", func(f figures) float64 { return f.p99 }},
		{"processor of two idle nodes, ms a second", "%.2f", func(f figures) float64 { return 1000 * f.idle }},
	} {
		var a, c []float64
		for i := range plain {
			a, c = append(a, row.of(plain[i])), append(c, row.of(watched[i]))
		}
		fmt.Fprintln(&b, report.Line(row.name, fmt.Sprintf(row.form, report.Median(a)), fmt.Sprintf(row.form, report.Median(c)),
			report.NewRatios(c, a).String()))
	}
	return b.String()
}
