// Command soak runs nodes and applications for a long time, at a steady rate, and says whether
// anything grows.
//
//	soak -iris FILE [-hours N] [-o FILE.md]
//
// It is for Linux. Three nodes on loopback have two applications each (package witness), which
// send requests, events, broadcasts, and open tunnels and streams. Meanwhile others come and go: every
// second an application attaches, uses a cluster and a topic whose names nobody has used
// before, and leaves; every twenty seconds the third node is stopped, the one time in good order and
// the next time not, and started anew. The first two nodes stay, and are measured.
//
// The first tenth of the time is for warming up, and not measured. What is compared is the median of
// the tenth that follows with that of the last one: memory, threads, descriptors, and how
// long requests take. It fails when one has grown by more than the table allows, or when a promise
// was broken.
package main

import (
	"context"
	"flag"
	"fmt"
	"path/filepath"
	"time"

	"github.com/project-iris/iris/cmd/internal/report"
	"github.com/project-iris/iris/cmd/internal/tool"
)

// options are what the flags say.
type options struct {
	program  string
	duration time.Duration
	output   string
}

func main() { tool.Main("soak", start) }

func start(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	s, err := prepare(ctx, o)
	if err != nil {
		return err
	}
	defer s.close()
	if err := s.run(ctx, o); err != nil {
		return err
	}
	text, failed := s.judge(o)
	fmt.Print(text)
	if o.output != "" {
		if err := report.Replace(o.output, "soak", text); err != nil {
			return err
		}
	}
	return failed
}

func parse(args []string) (o options, err error) {
	fs := flag.NewFlagSet("soak", flag.ContinueOnError)
	hours := fs.Float64("hours", 1, "`number` of hours, or a part of one")
	fs.StringVar(&o.program, "iris", "", "`file` of the program iris")
	fs.StringVar(&o.output, "o", "", "Markdown `file` to put the table into, between its marks, besides standard output")
	if err := fs.Parse(args); err != nil {
		return o, err
	}
	o.duration = time.Duration(*hours * float64(time.Hour))
	if fs.NArg() > 0 || o.program == "" || o.duration < 10*sampled {
		return o, fmt.Errorf("%w: -iris names the program, and less than %v is too short to compare", tool.ErrUsage, 10*sampled)
	}
	o.program, err = filepath.Abs(o.program)
	return o, err
}
