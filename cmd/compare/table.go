package main

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"time"

	"github.com/project-iris/iris/cmd/internal/report"
)

// unit writes a value.
type unit func(float64) string

func perSecond(v float64) string      { return report.Thousands(v) + "/s" }
func microseconds(v float64) string   { return report.Thousands(v) + " µs" }
func tenths(v float64) string         { return fmt.Sprintf("%.1f µs", v) }
func times(v float64) string          { return fmt.Sprintf("× %.1f", v) }
func share(v float64) string          { return fmt.Sprintf("%.2f", v) }
func megabytes(v float64) string      { return fmt.Sprintf("%.1f MB", v/1e6) }
func bytesPerSecond(v float64) string { return fmt.Sprintf("%.0f MB/s", v/1e6) }

// sample is what a system got in all rounds: a value for each figure.
type sample [][]float64

// section is the rows of trials of the same systems.
type section struct {
	head string
	rows []string
}

// table collects what trials have measured.
type table struct {
	sections []section
}

// add adds the figures of a trial.
func (t *table) add(tr *trial, samples []sample) {
	names := make([]string, len(tr.systems))
	for i, s := range tr.systems {
		names[i] = s.name
	}
	head := heading(names)
	if n := len(t.sections); n == 0 || t.sections[n-1].head != head {
		t.sections = append(t.sections, section{head: head})
	}
	last := &t.sections[len(t.sections)-1]
	for i := range tr.figures {
		last.rows = append(last.rows, row(tr, i, samples))
	}
}

// heading is the head of a table with these systems.
func heading(names []string) string {
	cells := []string{"", names[0]}
	for _, name := range names[1:] {
		cells = append(cells, name, "to "+names[0])
	}
	return report.Heading(cells...)
}

// row is the row of a figure: the median of each system, and the median of the ratios to
// the first one within a round.
func row(tr *trial, i int, samples []sample) string {
	f := tr.figures[i]
	cells := []string{f.name, f.text(report.Median(column(samples[0], i)))}
	for k, s := range samples[1:] {
		values := column(s, i)
		ratios := report.NewRatios(values, column(samples[0], i))
		cells = append(cells, f.judged(report.Median(values)), f.ratio(tr.systems[k+1].name, ratios))
	}
	return report.Line(cells...)
}

// dash stands for what is blank.
const dash = "–"

// text writes a value.
func (f figure) text(v float64) string {
	if math.IsNaN(v) {
		return dash
	}
	return f.unit(v)
}

// judged writes a value, and whether it is what it should be by itself.
func (f figure) judged(v float64) string {
	if f.own == 0 || math.IsNaN(v) {
		return f.text(v)
	}
	return f.text(v) + f.verdict(v, f.own)
}

// ratio writes the median of ratios, their range, and whether it is what it should be.
func (f figure) ratio(system string, ratios report.Ratios) string {
	m := ratios.Median()
	if math.IsNaN(m) {
		return dash
	}
	aim, ok := f.aims[system]
	if !ok {
		return ratios.String()
	}
	return ratios.String() + f.verdict(m, aim)
}

// verdict says whether a value reaches an aim.
func (f figure) verdict(v, aim float64) string {
	sign, met := "≥", v >= aim
	if f.lower {
		sign, met = "≤", v <= aim
	}
	if met {
		return fmt.Sprintf(", aim %s %.1f", sign, aim)
	}
	return fmt.Sprintf(", **misses** %s %.1f", sign, aim)
}

func column(s sample, figure int) []float64 {
	values := make([]float64, len(s))
	for round := range s {
		values[round] = s[round][figure]
	}
	return values
}

// markdown returns all of it.
func (t *table) markdown(machine string, o options, took time.Duration) string {
	lines := []string{
		machine,
		fmt.Sprintf("%d rounds of %v a load, %v in all, %s.", o.rounds, o.duration, took.Round(time.Second), runtime.Version()),
		"Medians; ratios are medians of those within a round, with the least and the greatest.",
	}
	for _, s := range t.sections {
		lines = append(append(lines, "", s.head), s.rows...)
	}
	return strings.Join(lines, "\n") + "\n"
}
