package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/project-iris/iris/cmd/internal/report"
)

// column returns a value of each sample.
func column(samples []sample, value func(sample) float64) []float64 {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = value(s)
	}
	return values
}

// table is the Markdown of what the rungs, the plain chain first, have got in the rounds.
func table(o options, samples [][]sample, took time.Duration) string {
	lines := []string{
		report.Machine(),
		fmt.Sprintf("%d rounds of %v a rung, requests of %s, %v in all, %s.",
			o.rounds, o.duration, report.Bytes(o.size), took.Round(time.Second), runtime.Version()),
		"Medians; ratios are medians of those to the plain chain within a round, with the least and the greatest.",
		"",
		report.Heading("", "p50", "to plain", "p99", "to plain", "context switches", "processor", "of which the nodes"),
	}
	for i, r := range o.rungs {
		lines = append(lines, row(r.name(), samples[i], samples[0]))
	}
	return strings.Join(lines, "\n") + "\n"
}

// row is the line of a rung.
func row(name string, samples, floor []sample) string {
	median := func(value func(sample) float64) float64 { return report.Median(column(samples, value)) }
	ratios := func(value func(sample) float64) string {
		return report.NewRatios(column(samples, value), column(floor, value)).String()
	}
	p50 := func(s sample) float64 { return s.p50 }
	p99 := func(s sample) float64 { return s.p99 }
	return report.Line(name,
		report.Thousands(median(p50))+" µs", ratios(p50),
		report.Thousands(median(p99))+" µs", ratios(p99),
		fmt.Sprintf("%.1f", median(func(s sample) float64 { return s.switches })),
		report.Thousands(median(func(s sample) float64 { return s.processor }))+" µs",
		report.Thousands(median(func(s sample) float64 { return s.nodes }))+" µs",
	)
}
