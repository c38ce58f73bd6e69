package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/project-iris/iris/cmd/internal/network"
)

// notMeasured stands for what is not.
const notMeasured = "not measured"

// networkTable is what was measured of a network, for people.
func networkTable(r *network.Result) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%d nodes over %s, which join %d of them\n", r.Nodes, r.Transport, r.Seeds)
	writeMet(w, r)
	writeRest(w, r)
	writeRequests(w, r.Requests)
	writeLosses(w, r.Losses)
	writeLog(w, "log", r.Log)
	if r.LossesLog != nil {
		writeLog(w, "log while nodes were lost", *r.LossesLog)
	}
	w.Flush()
	return b.String()
}

func writeMet(w *tabwriter.Writer, r *network.Result) {
	switch {
	case r.Met != nil:
		fmt.Fprintf(w, "the last was started\t%s after the first\n", seconds(r.Met.Starts))
		fmt.Fprintf(w, "all know all\t%s after the last start, %s after the first\n", seconds(r.Met.AfterLast), seconds(r.Met.AfterFirst))
	case r.Known != nil:
		fmt.Fprintf(w, "all know all\tnot in time: a node knows %.0f others, at least %.0f and at most %.0f\n", r.Known.Median, r.Known.Min, r.Known.Max)
	default:
		fmt.Fprintf(w, "all know all\t%s\n", notMeasured)
	}
}

func writeRest(w *tabwriter.Writer, r *network.Result) {
	if r.Rest == nil {
		fmt.Fprintf(w, "\na node at rest\t%s\n", notMeasured)
	} else {
		fmt.Fprintf(w, "\na node at rest, for %.0f s\tmedian\tmost\n", r.Rest.Seconds)
		writeSpread(w, "processor, % of a core", r.Rest.Processor, func(v float64) string { return fmt.Sprintf("%.2f", 100*v) })
		writeSpread(w, "context switches a second", r.Rest.Switches, whole)
		writeSpread(w, "resident memory (RSS), MB", r.Rest.RSS, megabytes)
		writeSpread(w, "of which its share (PSS), MB", r.Rest.PSS, megabytes)
	}
	if r.Links != nil {
		writeSpread(w, "links to other nodes", *r.Links, whole)
	}
	if r.Rest != nil {
		t := r.Rest.Traffic
		fmt.Fprintf(w, "sent by the host, for each node\t%.1f UDP datagrams, %.1f TCP segments, %.1f kB a second\n", t.Datagrams, t.Segments, t.Bytes/1e3)
	}
}

func writeSpread(w *tabwriter.Writer, name string, s network.Spread, unit func(float64) string) {
	fmt.Fprintf(w, "%s\t%s\t%s\n", name, unit(s.Median), unit(s.Max))
}

func whole(v float64) string     { return fmt.Sprintf("%.0f", v) }
func megabytes(v float64) string { return fmt.Sprintf("%.1f", v/1e6) }

// seconds writes a time to the millisecond.
func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Millisecond).String()
}

func writeRequests(w *tabwriter.Writer, r *network.Requests) {
	if r == nil {
		fmt.Fprintf(w, "\nrequests from node to node\t%s\n", notMeasured)
		return
	}
	fmt.Fprintf(w, "\nrequests from node to node, %d pairs\tp50\tp99\tmost\n", r.Pairs)
	writeTimes(w, "the first of a pair", r.First)
	if r.Each > 0 {
		writeTimes(w, fmt.Sprintf("%d more of each, one at a time", r.Each), r.Later)
	}
}

func writeTimes(w *tabwriter.Writer, name string, t network.Times) {
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", name, latency(t.P50), latency(t.P99), latency(t.Max))
}

func writeLosses(w *tabwriter.Writer, losses []network.Loss) {
	if len(losses) == 0 {
		fmt.Fprintf(w, "\nnodes that are lost\t%s\n", notMeasured)
		return
	}
	fmt.Fprint(w, "\na node that is\tall know it dead\ta request in hand is answered\tthe next one is\n")
	for _, l := range losses {
		answer := elapsed(l.Answered)
		if l.Answer != "" {
			answer += ": " + plain(l.Answer)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.How, elapsed(l.Known), answer, elapsed(l.Next))
	}
}

// elapsed writes a time that was not measured if it is zero.
func elapsed(s float64) string {
	if s == 0 {
		return notMeasured
	}
	return seconds(s)
}

func writeLog(w *tabwriter.Writer, name string, l network.Log) {
	fmt.Fprintf(w, "\n%s\t%d warnings, %d errors\n", name, l.Warnings, l.Errors)
	for _, m := range l.Messages {
		fmt.Fprintf(w, "%6d × %s %s\n", m.Count, m.Level, plain(m.Text))
	}
}
