package main

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/project-iris/iris/cmd/internal/report"
)

// restRow is a system with a number of servers, and what was measured in each round.
type restRow struct {
	name    string
	servers int
	rounds  []atRest
}

// restColumns are the figures of a row.
var restColumns = []struct {
	name  string
	write unit
	value func(atRest) float64
}{
	{"all know all", milliseconds, func(r atRest) float64 { return r.met }},
	{"processor, of a core", percent, func(r atRest) float64 { return r.rest.Processor.Median }},
	{"most", percent, func(r atRest) float64 { return r.rest.Processor.Max }},
	{"context switches", perSecond, func(r atRest) float64 { return r.rest.Switches.Median }},
	{"RSS", megabytes, func(r atRest) float64 { return r.rest.RSS.Median }},
	{"PSS", megabytes, func(r atRest) float64 { return r.rest.PSS.Median }},
	{"UDP datagrams", perSecond, func(r atRest) float64 { return r.rest.Traffic.Datagrams }},
	{"TCP segments", perSecond, func(r atRest) float64 { return r.rest.Traffic.Segments }},
	{"bytes", kilobytesPerSecond, func(r atRest) float64 { return r.rest.Traffic.Bytes }},
}

func milliseconds(v float64) string       { return report.Thousands(v*1e3) + " ms" }
func percent(v float64) string            { return fmt.Sprintf("%.2f %%", 100*v) }
func kilobytesPerSecond(v float64) string { return fmt.Sprintf("%.1f kB/s", v/1e3) }

// restTable is what was measured in Markdown: medians of the rounds.
func restTable(machine string, rows []restRow, rounds int, took time.Duration) string {
	head := []string{"servers", ""}
	for _, c := range restColumns {
		head = append(head, c.name)
	}
	lines := []string{
		machine,
		fmt.Sprintf("Medians of %d rounds, %v in all, %s.", rounds, took.Round(time.Second), runtime.Version()),
		"", report.Heading(head...),
	}
	for _, r := range rows {
		cells := []string{fmt.Sprint(r.servers), r.name}
		for _, c := range restColumns {
			var values []float64
			for _, round := range r.rounds {
				values = append(values, c.value(round))
			}
			cells = append(cells, c.write(report.Median(values)))
		}
		lines = append(lines, report.Line(cells...))
	}
	return strings.Join(lines, "\n") + "\n"
}
