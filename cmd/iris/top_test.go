package main

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/project-iris/iris/cmd/internal/terminal"
	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/node/status/statustest"
	"github.com/project-iris/iris/transport"
)

// topSample is a network of two nodes, some time after they were started.
func topSample(after time.Duration) *status.Network {
	seconds := uint64(after / time.Second)
	at := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC).Add(after)
	a, b := transport.PeerID{0xaa}, transport.PeerID{0xbb}
	return &status.Network{
		Asked: a,
		Nodes: []status.Node{
			{
				ID: a, Network: "example", Time: at, Done: status.Done{Requests: 1000 + 50*seconds},
				Problems: []status.Problem{{What: "cluster nobody: 2 wait, and nobody serves it"}}, Waiting: status.Waiting{Requests: 2},
				Names: []status.Name{
					{Name: "nobody", Kind: status.Cluster, Waiting: 2},
					{Name: "news", Kind: status.Topic, Here: 1, Delivered: 12 * seconds, PerSecond: 99},
				},
				Links:        []status.Link{{Peer: b, Transport: "quic", SinceSeconds: 10, RTTSeconds: 0.0012, SentBytes: 4096 * seconds, ReceivedBytes: 1024 * seconds, PacketsSent: 1000, PacketsLost: 1}},
				Applications: []status.App{{Address: "127.0.0.1:40001", SinceSeconds: 75, Open: 3, Topics: 1, QueuedBytes: 2048, Slow: true, Reasons: map[status.Reason]uint64{status.EventSlowReceiver: 7}}},
			},
			{
				ID: b, Network: "example", Time: at, Done: status.Done{EventsDelivered: 12 * seconds},
				Names: []status.Name{
					{Name: "echo", Kind: status.Cluster, Here: 2, Requests: 48 * seconds, P50Seconds: 0.0031, P99Seconds: 0.0184, Faults: 3, PerSecond: 1},
					{Name: "evil\x1b[31m\u202e\nname that is so long that no terminal has room for it, whatever it is", Kind: status.Cluster, Here: 1, Requests: 10, Refused: 4},
				},
				Links:        []status.Link{{Peer: a, Transport: "qu\x1bic", SinceSeconds: 10, RTTSeconds: 0.0009, WaitingBytes: 100, InHand: 2}},
				Applications: []status.App{{Address: "127.0.0.1:40002", Cluster: "echo", SinceSeconds: 7500, InHand: 2}, {Address: "127.0.0.1:40003", Cluster: "evil\x1b[2J\u2066", SinceSeconds: 30}},
			},
		},
		Unanswered: []status.Unanswered{{ID: transport.PeerID{0xcc}, Reason: "no answer\x07 within 2s"}},
	}
}

// topAfter returns a model that has taken two samples, a second apart.
func topAfter() *topModel {
	m := newTopModel()
	m.take(topSample(10*time.Second), time.Date(2026, 11, 28, 12, 0, 10, 0, time.UTC))
	m.take(topSample(11*time.Second), time.Date(2026, 11, 28, 12, 0, 11, 0, time.UTC))
	return m
}

// screenText returns what a terminal shows; lines that stand out begin with an asterisk.
func screenText(m *topModel, width, height int) string {
	var b strings.Builder
	for _, line := range m.lines(width, height) {
		b.WriteString(map[bool]string{false: "  ", true: "* "}[line.strong] + line.text + "\n")
	}
	return b.String()
}

// What keys do, as screens of 80 columns: each begins with the keys that were pressed before.
func TestTopScreens(t *testing.T) {
	for _, row := range []struct {
		name string
		keys string // with a space between them
	}{
		{"top-names.txt", ""},
		{"top-sorted.txt", "left left r"},
		{"top-applications.txt", "tab right right"},
		{"top-links.txt", "backtab"},
		{"top-paused.txt", "p down"},
	} {
		m := topAfter()
		for key := range strings.FieldsSeq(row.keys) {
			m.press(key, rowsIn(12))
		}
		statustest.Golden(t, row.name, screenText(m, 80, 12))
	}
	m := topAfter()
	m.fail(errors.New("no node answers\x1b[2J at /run/iris"), time.Date(2026, 11, 28, 12, 0, 12, 0, time.UTC))
	m.fail(errors.New("no node answers"), time.Date(2026, 11, 28, 12, 0, 13, 0, time.UTC))
	statustest.Golden(t, "top-failed.txt", screenText(m, 80, 12))
	statustest.Golden(t, "top-first.txt", screenText(newTopModel(), 80, 12))
}

// Screens have as many lines as the terminal, none wider, and nothing that a terminal obeys,
// whatever its size and whatever was pressed.
func TestTopFitsEveryTerminal(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {80, 5}, {40, 12}, {200, 60}, {20, 6}, {1, 1}} {
		m := topAfter()
		width, height := max(size[0], leastWidth), max(size[1], leastHeight)
		for _, key := range []string{"", "tab", "down", "pagedown", "tab", "right", "tab", "pageup", "up", "home", "left", "<", "r", "x"} {
			m.press(key, rowsIn(size[1]))
			lines := m.lines(size[0], size[1])
			if len(lines) != height {
				t.Errorf("%v: %d lines", size, len(lines))
			}
			for _, line := range lines {
				if n := utf8.RuneCountInString(line.text); n > width || strings.ContainsAny(line.text, "\n\t") || string(terminal.Harmless([]byte(line.text))) != line.text {
					t.Errorf("%v: %d columns: %q", size, n, line.text)
				}
			}
		}
	}
	m := newTopModel()
	for _, key := range []string{"q", "Q", "ctrl-c"} {
		if m.over = false; !m.over {
			m.press(key, 1)
		}
		if !m.over {
			t.Errorf("%s does not end it", key)
		}
	}
}

// A node that says the same again, as it may for a second, leaves the rates as they were.
func TestTopTakesTheSameTwice(t *testing.T) {
	m := topAfter()
	m.take(topSample(11*time.Second), time.Date(2026, 11, 28, 12, 0, 12, 0, time.UTC))
	if m.requests != 50 || m.events != 12 {
		t.Errorf("%v requests and %v events a second", m.requests, m.events)
	}
	restarted := topSample(12 * time.Second)
	restarted.Nodes[0].Done.Requests = 1
	m.take(restarted, time.Date(2026, 11, 28, 12, 0, 13, 0, time.UTC))
	if m.requests != 0 {
		t.Errorf("when a count has begun again: %v requests a second", m.requests)
	}
}

// Without a terminal the tables are printed, and with -json a line for each sample.
func TestTopWithoutATerminal(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	_, port := startNode(t, "-control", socket)
	start(t, nil, "reply", port, "-text", "pong", "evil\x1b[31m").err.next(t, "serving")
	r := iris(t, "", "top", "-control", socket)
	for _, want := range []string{"All is well.", "NAME", "CLUSTER", "SENDS/s", `evil\x1b[31m`, "1 at 1"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("top has no %q: %+v", want, r)
		}
	}
	if strings.Contains(r.out, "\x1b") || r.code != exitGood {
		t.Errorf("top: %+v", r)
	}
	r = iris(t, "", "top", "-control", socket, "-json", "-count", "2", "-every", "100ms")
	lines := strings.Split(strings.TrimSuffix(r.out, "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("top -json: %d lines: %+v", len(lines), r)
	}
	var samples [2]status.Network
	for i, line := range lines {
		if err := json.Unmarshal([]byte(line), &samples[i]); err != nil || len(samples[i].Nodes) != 1 {
			t.Errorf("top -json: %v: %s", err, line)
		}
	}
	if !samples[1].Nodes[0].Time.After(samples[0].Nodes[0].Time) {
		t.Error("the second sample is the first one")
	}
	if r := iris(t, "", "top", "-control", socket, "-count", "2", "-every", "100ms", "-local"); strings.Count(r.out, "All is well.") != 2 {
		t.Errorf("top -count 2: %+v", r)
	}
	for _, wrong := range [][]string{{"top", "x"}, {"top", "-every", "1ms"}, {"top", "-count", "-1"}} {
		if r := iris(t, "", wrong...); r.code != exitUsage {
			t.Errorf("%v: %+v", wrong, r)
		}
	}
	if r := iris(t, "", "top", "-control", socket+"x"); r.code != exitFailed || !strings.Contains(r.err, "no node answers") {
		t.Errorf("without a node: %+v", r)
	}
}
