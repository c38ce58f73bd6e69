package main

import (
	"time"

	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/transport"
)

const (
	// plainWidth is how wide tables are where nobody says how wide the output is.
	plainWidth = 80
	// leastWidth and leastHeight are those of the smallest terminal that is drawn on.
	leastWidth, leastHeight = 20, 6
)

// topModel is what top shows. It knows neither a terminal nor a clock.
type topModel struct {
	views  [3]topView
	view   int // that is shown
	paused bool
	over   bool // it is to end

	all    *status.Network
	at     time.Time // when all was taken
	failed error     // of the last question
	since  time.Time // when the first of those failed that have failed in a row

	requests, events float64 // a second
	links            map[linkEnds]linkRates
	counts           map[transport.PeerID]nodeSample // of the last sample
}

// topView is a table, and how it is looked at.
type topView struct {
	title   string
	columns []topColumn
	rows    func(m *topModel) []topRow
	sort    int
	turned  bool // the least first, or for text the last
	scroll  int  // rows above those that are shown
}

// topColumn is a column of a table. The first column takes the room that is left.
type topColumn struct {
	title string
	text  bool // to the left, and sorted from a to z
}

// topRow is a line of a table, with what its columns are sorted by.
type topRow struct {
	cells []string
	keys  []float64 // of columns that are no text
}

type linkEnds struct{ from, to transport.PeerID }

// linkRates are bytes a second.
type linkRates struct{ sent, received float64 }

// nodeSample is what a node has counted at a time.
type nodeSample struct {
	at               time.Time
	requests, events uint64
	names            map[topName]uint64
	links            map[transport.PeerID]status.Link
}

type topName struct{ kind, name string }

func newTopModel() *topModel {
	numbers := func(titles ...string) (all []topColumn) {
		for _, t := range titles {
			all = append(all, topColumn{title: t})
		}
		return all
	}
	texts := func(titles ...string) (all []topColumn) {
		for _, t := range titles {
			all = append(all, topColumn{title: t, text: true})
		}
		return all
	}
	return &topModel{views: [...]topView{
		{title: "names", rows: (*topModel).names, sort: 3, columns: append(texts("NAME", "KIND"), numbers("SERVED", "/SEC", "P50", "P99", "FAILED", "FULL", "WAIT")...)},
		{title: "applications", rows: (*topModel).apps, sort: 5, columns: append(texts("CLUSTER", "ADDRESS", "NODE"), numbers("SINCE", "HAND", "OPEN", "SUBS", "QUEUED", "MISSED")...)},
		{title: "links", rows: (*topModel).linkRows, sort: 4, columns: append(texts("NODE", "PEER", "OVER"), numbers("RTT", "SENDS/s", "RECVS/s", "LOST", "WAITS", "HAND")...)},
	}}
}

// take takes a sample, and makes rates of it and the last one.
func (m *topModel) take(all *status.Network, now time.Time) {
	m.failed = nil
	if m.all != nil && m.all.Asked == all.Asked && m.all.Nodes[0].Time.Equal(all.Nodes[0].Time) {
		return // the same, which a node may say for a second
	}
	counts := make(map[transport.PeerID]nodeSample, len(all.Nodes))
	m.requests, m.events, m.links = 0, 0, make(map[linkEnds]linkRates)
	for i := range all.Nodes {
		n := &all.Nodes[i]
		sample := nodeSample{
			at: n.Time, requests: n.Done.Requests, events: n.Done.EventsDelivered + n.Done.BroadcastsDelivered,
			names: make(map[topName]uint64, len(n.Names)), links: make(map[transport.PeerID]status.Link, len(n.Links)),
		}
		for _, one := range n.Names {
			sample.names[topName{one.Kind, one.Name}] = one.Requests + one.Delivered
		}
		for _, l := range n.Links {
			sample.links[l.Peer] = l
		}
		if before, known := m.counts[n.ID]; known {
			m.rate(n, &before, &sample)
		}
		counts[n.ID] = sample
	}
	m.all, m.at, m.counts = all, now, counts
}

// rate makes rates of two samples of a node. What it says of its names is of the last ten seconds.
func (m *topModel) rate(n *status.Node, before, now *nodeSample) {
	took := now.at.Sub(before.at).Seconds()
	per := func(was, is uint64) float64 {
		if took <= 0 || is < was {
			return 0
		}
		return float64(is-was) / took
	}
	m.requests += per(before.requests, now.requests)
	m.events += per(before.events, now.events)
	for i := range n.Names {
		key := topName{n.Names[i].Kind, n.Names[i].Name}
		if was, known := before.names[key]; known {
			n.Names[i].PerSecond = per(was, now.names[key])
		}
	}
	for _, l := range n.Links {
		if was, known := before.links[l.Peer]; known && l.SinceSeconds >= was.SinceSeconds {
			m.links[linkEnds{n.ID, l.Peer}] = linkRates{per(was.SentBytes, l.SentBytes), per(was.ReceivedBytes, l.ReceivedBytes)}
		}
	}
}

// fail takes that a question was not answered.
func (m *topModel) fail(err error, now time.Time) {
	if m.failed == nil {
		m.since = now
	}
	m.failed = err
}

// press does what a key is for. Rows are those that the terminal has room for.
func (m *topModel) press(key string, rows int) {
	v := &m.views[m.view]
	switch key {
	case "q", "Q", "ctrl-c":
		m.over = true
	case "tab":
		m.view = (m.view + 1) % len(m.views)
	case "backtab":
		m.view = (m.view + len(m.views) - 1) % len(m.views)
	case "right", ">":
		v.sort, v.turned = (v.sort+1)%len(v.columns), false
	case "left", "<":
		v.sort, v.turned = (v.sort+len(v.columns)-1)%len(v.columns), false
	case "r", "R":
		v.turned = !v.turned
	case "p", "P", " ":
		m.paused = !m.paused
	case "down":
		v.scroll++
	case "up":
		v.scroll--
	case "pagedown":
		v.scroll += rows
	case "pageup":
		v.scroll -= rows
	case "home":
		v.scroll = 0
	}
	v.scroll = max(v.scroll, 0)
}
