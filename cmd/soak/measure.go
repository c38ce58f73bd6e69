package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/project-iris/iris/cmd/internal/report"
	"github.com/project-iris/iris/cmd/internal/witness"
)

// sample is what was measured at one time.
type sample struct {
	at      time.Duration
	nodes   []usage
	latency time.Duration // median of the requests since the sample before
}

// usage is what a node has.
type usage struct{ memory, threads, descriptors float64 } // memory in MiB

// read looks at a process.
func read(pid int) (u usage, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, err
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return u, err
	}
	u.descriptors = float64(len(open))
	u.memory, u.threads, err = parseStatus(string(status))
	return u, err
}

// parseStatus reads /proc/PID/status: what is in memory, in MiB, and threads.
func parseStatus(text string) (memory, threads float64, err error) {
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		value = strings.TrimSpace(value)
		switch name {
		case "VmRSS":
			memory, err = strconv.ParseFloat(strings.TrimSuffix(value, " kB"), 64)
			memory /= 1024
		case "Threads":
			threads, err = strconv.ParseFloat(value, 64)
		}
		if err != nil {
			return 0, 0, fmt.Errorf("/proc/PID/status has %q: %w", line, err)
		}
	}
	if memory == 0 || threads == 0 {
		return 0, 0, errors.New("/proc/PID/status lacks VmRSS or Threads")
	}
	return memory, threads, nil
}

func median(took []time.Duration) time.Duration {
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// figure is what is compared, and by how much it may grow: a part of what it was, and an amount.
type figure struct {
	name    string
	unit    string
	part    float64
	amount  float64
	measure func(sample) float64
}

func figures() []figure {
	all := []figure{{"requests, median", "ms", 1, 2, func(s sample) float64 { return float64(s.latency) / float64(time.Millisecond) }}}
	for i := range 2 {
		node := fmt.Sprintf("node %d, ", i+1)
		all = append(
			all,
			figure{node + "memory", "MiB", 0.15, 6, func(s sample) float64 { return s.nodes[i].memory }},
			figure{node + "threads", "", 0.2, 4, func(s sample) float64 { return s.nodes[i].threads }},
			figure{node + "descriptors", "", 0.1, 8, func(s sample) float64 { return s.nodes[i].descriptors }},
		)
	}
	return all
}

// ends returns the medians of a figure in the second and in the last tenth of a time.
func (f figure) ends(samples []sample, whole time.Duration) (first, last float64) {
	var begin, end []float64
	for _, s := range samples {
		switch {
		case s.at >= whole/10 && s.at < whole/5:
			begin = append(begin, f.measure(s))
		case s.at >= whole*9/10:
			end = append(end, f.measure(s))
		}
	}
	return report.Median(begin), report.Median(end)
}

func (f figure) most(first float64) float64 { return first*(1+f.part) + f.amount }

// judge is the table, and what is wrong with it.
func (s *soak) judge(o options) (string, error) {
	lines := []string{
		report.Machine(),
		fmt.Sprintf("%v, %d visits of applications with new names, %d restarts of a node.", o.duration.Round(time.Second), s.visits, s.restarts),
		"", report.Heading("", "at the start", "at the end", "at most"),
	}
	var failed []error
	for _, f := range figures() {
		first, last := f.ends(s.samples, o.duration)
		cell := func(v float64) string { return strings.TrimSpace(fmt.Sprintf("%.1f %s", v, f.unit)) }
		lines = append(lines, report.Line(f.name, cell(first), cell(last), cell(f.most(first))))
		if !(first > 0 && last > 0) { // nothing was measured, or no request had a reply
			failed = append(failed, fmt.Errorf("%s is missing: %s at the start, %s at the end", f.name, cell(first), cell(last)))
		}
		if last > f.most(first) {
			failed = append(failed, fmt.Errorf("%s has grown from %s to %s", f.name, cell(first), cell(last)))
		}
	}
	lines = append(lines, "", report.Heading("promise", "checked", "broken"))
	counts := s.ledger.Counts()
	for _, promise := range witness.Promises {
		count := counts[promise]
		if count.Checked == 0 || promise == witness.Outlives {
			continue
		}
		lines = append(lines, report.Line(promise, report.Thousands(float64(count.Checked)), fmt.Sprint(count.Broken)))
		if count.Broken > 0 {
			failed = append(failed, fmt.Errorf("broken: %s: %s", promise, strings.Join(count.First, "; ")))
		}
	}
	return strings.Join(lines, "\n") + "\n", errors.Join(failed...)
}
