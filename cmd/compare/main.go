// Command compare measures Iris next to NATS, and tunnels next to what only copies.
//
// It builds the program iris and a NATS server, starts two nodes or servers of each, in
// processes of their own on this host, and puts the same load on each from this process,
// by its own Go client: Iris over TCP, Iris over QUIC, and NATS with TLS between its two
// servers. They take turns, in rounds: what else the machine does hits all alike, and what
// is compared are ratios within a round, of which the table has the median.
//
//	go run . [-rounds N] [-for TIME] [-only REGEXP] [-transport LIST] [-o FILE.md]
//
// Tunnels are measured next to chains that only copy: two more processes of this program, with
// TLS or a stream of quic-go between them.
//
// With -network it measures, instead, what networks of more nodes take at rest, next to those
// of Serf's agents and of NATS servers: iris bench network measures Iris, and the same code
// the others.
//
//	go run . -network [-rounds N] [-o FILE.md]
//
// It has to be run in its own folder, as make compare and make network do. It is for Linux.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/project-iris/iris/cmd/internal/report"
)

// How many rounds there are by default, of loads and of networks at rest.
const (
	loadRounds = 5
	restRounds = 3
)

// The names of the marks in a Markdown file between which tables are.
const (
	loadMarks = "compare"
	restMarks = "network"
)

// options are what the flags say.
type options struct {
	network  bool
	rounds   int
	duration time.Duration
	chosen   []trial // of loads
	output   string
}

func main() {
	if len(os.Args) > 1 { // one of the processes that it starts: a signal ends it
		switch os.Args[1] {
		case naiveCommand:
			exit(runNaive(context.Background(), os.Args[2:]))
		case bulkCommand:
			exit(runBulk(context.Background(), os.Args[2:]))
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	o, err := parse()
	if err == nil {
		err = run(ctx, o)
	}
	stop()
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func parse() (o options, err error) {
	only := flag.String("only", "", "`regexp` of the trials to run (default all)")
	over := flag.String("transport", overTCP+","+overQUIC, "`list` of transports to measure, besides NATS: tcp, quic")
	flag.BoolVar(&o.network, "network", false, "measure networks at rest, instead of loads")
	flag.IntVar(&o.rounds, "rounds", 0, fmt.Sprintf("`number` of rounds (default %d, or %d with -network)", loadRounds, restRounds))
	flag.DurationVar(&o.duration, "for", 1200*time.Millisecond, "`time` that a load is measured in a round")
	flag.StringVar(&o.output, "o", "", "Markdown `file` to put the tables into, between its marks, besides standard output")
	flag.Parse()
	if flag.NArg() > 0 || o.rounds < 0 || o.duration <= 0 {
		return o, fmt.Errorf("wrong usage: see -h")
	}
	switch {
	case o.rounds > 0:
	case o.network:
		o.rounds = restRounds
	default:
		o.rounds = loadRounds
	}
	names, err := transports(*over)
	if err != nil {
		return o, err
	}
	expression, err := regexp.Compile(*only)
	if err != nil {
		return o, err
	}
	o.chosen, err = choose(trials(o.duration), expression, names)
	return o, err
}

// transports reads a list of transports.
func transports(list string) ([]string, error) {
	names := strings.Split(list, ",")
	for _, name := range names {
		if name != overTCP && name != overQUIC {
			return nil, fmt.Errorf("there is no transport %q: there are tcp and quic", name)
		}
	}
	return names, nil
}

// run measures what is asked for, and writes the tables.
func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "iris-compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	measure, name := measureLoads, loadMarks
	if o.network {
		measure, name = measureRest, restMarks
	}
	text, err := measure(ctx, dir, o)
	if err != nil {
		return err
	}
	fmt.Print(text)
	if o.output == "" {
		return nil
	}
	return report.Replace(o.output, name, text)
}

// measureLoads measures all trials, and returns the tables.
func measureLoads(ctx context.Context, dir string, o options) (string, error) {
	if err := build(ctx, dir, irisProgram, natsProgram); err != nil {
		return "", err
	}
	began := time.Now()
	t := &table{}
	for _, trial := range o.chosen {
		if err := trial.measure(ctx, dir, o.rounds, t); err != nil {
			return "", fmt.Errorf("%s: %w", trial.name, err)
		}
	}
	return t.markdown(machine(dir), o, time.Since(began)), nil
}
