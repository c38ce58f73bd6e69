package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/project-iris/iris/cmd/internal/terminal"
)

// topLine is a line of the screen: text alone, and whether it stands out.
type topLine struct {
	text   string
	strong bool
}

// lines returns what a terminal of a size shows: as many lines as it has, none longer than it is wide.
func (m *topModel) lines(width, height int) []topLine {
	width, height = max(width, leastWidth), max(height, leastHeight)
	lines := []topLine{{text: m.summary()}, {text: m.health(), strong: m.wrong()}}
	var tabs []string
	for i := range m.views {
		title := " " + m.views[i].title + " "
		if i == m.view {
			title = "[" + m.views[i].title + "]"
		}
		tabs = append(tabs, title)
	}
	lines = append(lines, topLine{text: strings.Join(tabs, "")})
	for i, line := range m.table(width, height-len(lines)-1) {
		lines = append(lines, topLine{line, i == 0})
	}
	for len(lines) < height-1 {
		lines = append(lines, topLine{})
	}
	lines = append(lines[:height-1], topLine{text: "q end · tab view · ← → sort · r turn · ↑ ↓ scroll · p pause"})
	for i := range lines {
		lines[i].text = cutTo(singleLine(lines[i].text), width)
	}
	return lines
}

// rowsIn returns how many rows of a table a terminal of a height shows.
func rowsIn(height int) int { return max(max(height, leastHeight)-5, 1) }

// singleLine makes text that others have chosen harmless for a terminal, and a line.
func singleLine(s string) string {
	return strings.NewReplacer("\n", `\n`, "\t", " ").Replace(string(terminal.Harmless([]byte(s))))
}

// cutTo cuts text to a width, in characters.
func cutTo(s string, width int) string {
	if width < 1 {
		return ""
	}
	return short(s, width)
}

// summary says how the network is in a line.
func (m *topModel) summary() string {
	if m.all == nil {
		return "iris top"
	}
	apps, waiting := 0, 0
	for _, n := range m.all.Nodes {
		apps += len(n.Applications) + n.ApplicationsLeft
		waiting += n.Waiting.Requests + n.Waiting.Tunnels
	}
	state := m.at.Format(time.TimeOnly)
	if m.paused {
		state = "paused at " + state
	}
	return singleLine(fmt.Sprintf("%s  %d nodes  %d apps  %s req/s  %s ev/s  %d wait  %s", short(m.all.Nodes[0].Network, 20), len(m.all.Nodes), apps,
		perSecond(m.requests), perSecond(m.events), waiting, state))
}

// wrong reports whether something is not well.
func (m *topModel) wrong() bool {
	problems, _ := m.problems()
	return m.failed != nil || problems > 0
}

// problems returns how many there are, and the first.
func (m *topModel) problems() (count int, first string) {
	if m.all == nil {
		return 0, ""
	}
	for _, n := range m.all.Nodes {
		for _, p := range n.Problems {
			if count++; count == 1 {
				first = n.ID.Short() + ": " + p.What
			}
		}
	}
	for _, u := range m.all.Unanswered {
		if count++; count == 1 {
			first = u.ID.Short() + " has not answered: " + u.Reason
		}
	}
	return count, first
}

// health says in a line what is not well.
func (m *topModel) health() string {
	problems, first := m.problems()
	switch {
	case m.failed != nil:
		return singleLine(fmt.Sprintf("No answer since %s: %v", m.since.Format(time.TimeOnly), m.failed))
	case m.all == nil:
		return "The node is asked."
	case problems == 0:
		return "All is well."
	case problems == 1:
		return singleLine("1 problem: " + first)
	}
	return singleLine(fmt.Sprintf("%d problems: %s", problems, first))
}

// table returns the head of the view and its rows, so many lines at most; with zero all of them.
// Each is at most so wide.
func (m *topModel) table(width, height int) []string {
	v := &m.views[m.view]
	rows := v.rows(m)
	v.order(rows)
	if height > 0 {
		v.scroll = max(min(v.scroll, len(rows)-1), 0)
		rows = rows[v.scroll:]
		rows = rows[:min(len(rows), max(height-1, 0))]
	}
	head := topRow{}
	for i, c := range v.columns {
		title := c.title
		if i == v.sort {
			title += map[bool]string{false: "▼", true: "▲"}[v.turned != c.text]
		}
		head.cells = append(head.cells, title)
	}
	all := append([]topRow{head}, rows...)
	widths := make([]int, len(v.columns))
	for _, r := range all {
		for i, cell := range r.cells {
			r.cells[i] = singleLine(cell)
			widths[i] = max(widths[i], utf8.RuneCountInString(r.cells[i]))
		}
	}
	room := width
	for _, w := range widths[1:] {
		room -= w + 1
	}
	widths[0] = max(min(widths[0], room), 8)
	lines := make([]string, len(all))
	for i, r := range all {
		lines[i] = strings.TrimRight(v.line(r, widths), " ")
		lines[i] = cutTo(lines[i], width)
	}
	return lines
}

// line sets a row into columns of these widths.
func (v *topView) line(r topRow, widths []int) string {
	var b strings.Builder
	for i, cell := range r.cells {
		cell = cutTo(cell, widths[i])
		blank := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		switch {
		case i == 0:
			b.WriteString(cell + blank)
		case v.columns[i].text:
			b.WriteString(" " + cell + blank)
		default:
			b.WriteString(" " + blank + cell)
		}
	}
	return b.String()
}

// order sorts rows: the most first, or text from a to z.
func (v *topView) order(rows []topRow) {
	slices.SortStableFunc(rows, func(a, b topRow) int {
		c := cmp.Compare(b.keys[v.sort], a.keys[v.sort])
		if v.columns[v.sort].text {
			c = strings.Compare(a.cells[v.sort], b.cells[v.sort])
		}
		if v.turned {
			c = -c
		}
		return c
	})
}

func (m *topModel) names() (rows []topRow) {
	if m.all == nil {
		return nil
	}
	for _, n := range sumNames(m.all) {
		failed := n.Faults + n.Late + n.Lost
		rows = append(rows, topRow{
			[]string{
				n.Name.Name, n.Kind, fmt.Sprintf("%d at %d", n.Here, n.at), perSecond(n.PerSecond), duration(n.P50Seconds), duration(n.P99Seconds),
				fmt.Sprint(failed), fmt.Sprint(n.Refused), fmt.Sprint(n.Waiting),
			},
			[]float64{0, 0, float64(n.Here), n.PerSecond, n.P50Seconds, n.P99Seconds, float64(failed), float64(n.Refused), float64(n.Waiting)},
		})
	}
	return rows
}

func (m *topModel) apps() (rows []topRow) {
	if m.all == nil {
		return nil
	}
	for _, n := range m.all.Nodes {
		for _, a := range n.Applications {
			missed, mark := uint64(0), ""
			for _, count := range a.Reasons {
				missed += count
			}
			if a.Slow {
				mark = "!"
			}
			rows = append(rows, topRow{
				[]string{
					orDash(a.Cluster), short(a.Address, 21), n.ID.Short(), duration(a.SinceSeconds), fmt.Sprint(a.InHand), fmt.Sprint(a.Open),
					fmt.Sprint(a.Topics), bytesText(a.QueuedBytes), fmt.Sprint(missed) + mark,
				},
				[]float64{0, 0, 0, a.SinceSeconds, float64(a.InHand), float64(a.Open), float64(a.Topics), float64(a.QueuedBytes), float64(missed)},
			})
		}
	}
	return rows
}

func (m *topModel) linkRows() (rows []topRow) {
	if m.all == nil {
		return nil
	}
	for _, n := range m.all.Nodes {
		for _, l := range n.Links {
			lost, share := "-", 0.0
			if l.PacketsSent > 0 {
				share = float64(l.PacketsLost) / float64(l.PacketsSent)
				lost = fmt.Sprintf("%.1f%%", 100*share)
			}
			rates, known := m.links[linkEnds{n.ID, l.Peer}]
			sends, receives := "-", "-"
			if known {
				sends, receives = bytesText(int(rates.sent)), bytesText(int(rates.received))
			}
			rows = append(rows, topRow{
				[]string{
					n.ID.Short(), l.Peer.Short(), short(orDash(l.Transport), 9), duration(l.RTTSeconds), sends, receives, lost,
					bytesText(l.WaitingBytes), fmt.Sprint(l.InHand),
				},
				[]float64{0, 0, 0, l.RTTSeconds, rates.sent, rates.received, share, float64(l.WaitingBytes), float64(l.InHand)},
			})
		}
	}
	return rows
}
