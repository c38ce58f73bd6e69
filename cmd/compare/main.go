// Command compare measures Iris next to NATS, and tunnels next to what they are made of.
//
// It builds the program iris and a NATS server, starts two nodes or servers of each, in
// processes of their own on this host, and puts the same load on each from this process,
// by its own Go client: Iris over TCP, Iris over QUIC, and NATS with TLS between its two
// servers. They take turns, in rounds: what else the machine does hits all alike, and what
// is compared are ratios within a round, of which the table has the median.
//
//	go run . [-rounds N] [-for TIME] [-only REGEXP] [-o FILE.md]
//
// It has to be run in its own folder, as make compare does. It is for Linux.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

// options are what the flags say.
type options struct {
	rounds   int
	duration time.Duration
	only     *regexp.Regexp
	output   string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := parse()
	if err == nil {
		err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func parse() (o options, err error) {
	only := flag.String("only", "", "`regexp` of the trials to run (default all)")
	flag.IntVar(&o.rounds, "rounds", 5, "`number` of rounds")
	flag.DurationVar(&o.duration, "for", 1200*time.Millisecond, "`time` that a load is measured in a round")
	flag.StringVar(&o.output, "o", "", "Markdown `file` to put the tables into, between its marks, besides standard output")
	flag.Parse()
	if flag.NArg() > 0 || o.rounds < 1 || o.duration <= 0 {
		return o, fmt.Errorf("wrong usage: see -h")
	}
	o.only, err = regexp.Compile(*only)
	return o, err
}

// run measures all trials and writes the table.
func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "iris-compare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Fprintln(os.Stderr, "building iris and nats-server")
	if err := build(ctx, dir); err != nil {
		return err
	}
	began := time.Now()
	t := &table{}
	for _, trial := range trials(o.duration) {
		if !o.only.MatchString(trial.name) {
			continue
		}
		if err := trial.measure(ctx, dir, o.rounds, t); err != nil {
			return fmt.Errorf("%s: %w", trial.name, err)
		}
	}
	text := t.markdown(machine(dir), o, time.Since(began))
	fmt.Print(text)
	if o.output == "" {
		return nil
	}
	return replace(o.output, text)
}
