//go:build unix

package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/project-iris/iris/cmd/internal/browsertest"
	"github.com/project-iris/iris/node/status"
)

var (
	browser     = flag.String("browser", "", "program of a browser that is made of Chromium, for TestPageInABrowser")
	screenshots = flag.String("screenshots", "", "directory for pictures of the page, which TestPageInABrowser makes")
)

// hostileName would run a script, colour a terminal, and turn the text that follows around.
const (
	hostileName  = "<img src=x onerror=document.title='pwned'>\x1b[31m\u202egnp.exe"
	hostileShown = `<img src=x onerror=document.title='pwned'>\x1b[31m\u202egnp.exe`
)

// watchedPage is a page that a browser shows of a network.
type watchedPage struct {
	*browsertest.Page
	t     *testing.T
	nodes []*netNode
}

// TestPageInABrowser has a real browser look at the page of three nodes that work, and of which one
// after the other fails.
func TestPageInABrowser(t *testing.T) {
	if *browser == "" {
		t.Skip("no -browser: run make browser")
	}
	nodes := startNetwork(t, "quic,tcp", 3, "-http", "127.0.0.1:0", "-control", "none")
	start(t, nil, "bench", "-at", nodes[0].port, "-serve", nodes[1].port+","+nodes[2].port, "-callers", "2", "-rate", "200", "-for", "5m", "request")
	start(t, nil, "reply", "-port", nodes[1].port, "-text", "pong", hostileName).err.next(t, "serving")
	start(t, nil, "subscribe", "-port", nodes[2].port, "news").err.next(t, "subscribed")
	p := &watchedPage{browsertest.Start(t, *browser).Open(t, nodes[0].admin+"/"), t, nodes}
	p.Await("three nodes", `tiles.get("nodes").textContent === "3"`)
	p.Await("what is asked a second", `parseFloat(tiles.get("requests / s").textContent) > 50`)
	p.Await("recent latencies", `shown.names.some(n => n.recent99 > 0) && document.querySelector(".spark .p99").getAttribute("d").length > 20`)

	for _, part := range []struct {
		name string
		test func(*watchedPage)
	}{
		{"shows what v1 says", (*watchedPage).testFigures},
		{"draws the network", (*watchedPage).testDrawing},
		{"text of strangers is inert", (*watchedPage).testHostile},
		{"fits", (*watchedPage).testWidths},
		{"by keyboard", (*watchedPage).testKeyboard},
		{"rests when nobody looks", (*watchedPage).testRest},
		{"very much of everything", (*watchedPage).testMuch},
	} {
		t.Log(part.name)
		part.test(p)
		for _, complaint := range p.Complaints() {
			t.Errorf("the browser complains: %s", complaint)
		}
	}
	t.Log("what is wrong")
	p.testWrong()
}

// network returns what the first node says of all.
func (p *watchedPage) network() *status.Network {
	p.t.Helper()
	answer, err := http.Get(p.nodes[0].admin + "/v1/network")
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	var all status.Network
	if err := json.NewDecoder(answer.Body).Decode(&all); err != nil {
		p.t.Fatal(err)
	}
	return &all
}

// figures are what a row of the table of names shows.
type figures struct{ Name, Here, Elsewhere, Rate, P50, P99, Waiting string }

// testFigures compares what the page shows with what was said at /v1 at the same time.
func (p *watchedPage) testFigures() {
	said := make(map[string]*status.Network) // by the time of the asked node
	compared := make(map[string]bool)
	limit := time.Now().Add(time.Minute)
	for len(compared) < 3 {
		if time.Now().After(limit) {
			p.t.Fatalf("in a minute the page has shown %d of %d answers", len(compared), len(said))
		}
		all := p.network()
		said[all.Nodes[0].Time.Format(time.RFC3339Nano)] = all
		var shown struct {
			Sample string
			Rows   []figures
		}
		p.Eval(`({sample: document.documentElement.dataset.sample, rows: [...tables.names.rows.values()].map(r => [...r.cells].map(c => c.textContent)).map(
			c => ({name: c[0], here: c[2], elsewhere: c[3], rate: c[4], p50: c[5], p99: c[6], waiting: c[10]}))})`, &shown)
		same := said[shown.Sample]
		if same == nil || compared[shown.Sample] {
			continue
		}
		compared[shown.Sample] = true
		want := figuresOf(same)
		if !slices.Equal(slices.SortedFunc(slices.Values(shown.Rows), func(a, b figures) int { return strings.Compare(a.Name, b.Name) }), want) {
			p.t.Errorf("the page shows\n%v\nand /v1/network said\n%v", shown.Rows, want)
		}
		if len(want) != 3 || !slices.ContainsFunc(want, func(f figures) bool { return len(f.Rate) == 3 && f.P99 != "–" }) {
			p.t.Errorf("that is no load: %v", want)
		}
	}
}

// figuresOf returns what has to be shown of an answer, by name.
func figuresOf(all *status.Network) (rows []figures) {
	for _, n := range sumNames(all) {
		f := figures{Name: n.Name.Name, Rate: "–", Waiting: fmt.Sprint(n.Waiting)}
		here, elsewhere, at := 0, 0, 0
		var p50, p99 float64
		for _, node := range all.Nodes {
			for _, one := range node.Names {
				if one.Name != n.Name.Name || one.Kind != n.Kind {
					continue
				}
				p50, p99 = max(p50, one.RecentP50Seconds), max(p99, one.RecentP99Seconds)
				if node.ID == all.Asked {
					here += one.Here
				} else if one.Here > 0 {
					elsewhere += one.Here
					at++
				}
			}
		}
		f.Here, f.Elsewhere = fmt.Sprint(here), "0"
		if elsewhere > 0 {
			f.Elsewhere = fmt.Sprintf("%d at %d", elsewhere, at)
		}
		switch {
		case n.PerSecond >= 10:
			f.Rate = fmt.Sprint(math.Round(n.PerSecond))
		case n.PerSecond > 0:
			f.Rate = strconv.FormatFloat(n.PerSecond, 'f', 1, 64)
		}
		f.P50, f.P99 = latencyShown(p50), latencyShown(p99)
		rows = append(rows, f)
	}
	slices.SortFunc(rows, func(a, b figures) int { return strings.Compare(a.Name, b.Name) })
	return rows
}

func latencyShown(s float64) string {
	switch {
	case s == 0:
		return "–"
	case s < 1e-3:
		return fmt.Sprintf("%.0f µs", math.Round(s*1e6))
	case s < 0.1:
		return fmt.Sprintf("%.1f ms", s*1e3)
	}
	return fmt.Sprintf("%.0f ms", s*1e3)
}

func (p *watchedPage) testDrawing() {
	p.Await("three circles, and links with what they carry",
		`document.querySelectorAll("#drawing circle.node.well").length === 3 && document.querySelectorAll("#drawing line.link").length >= 2 &&
		[...document.querySelectorAll("#drawing text.rate")].some(t => /^\d.*(B|KiB)\/s$/.test(t.textContent))`)
	p.Await("all is well", `document.getElementById("state").textContent === "● all is well" && document.getElementById("problems").hidden`)
}

func (p *watchedPage) testHostile() {
	var names []string
	p.Eval(`[...tables.names.body.children].map(r => r.firstChild.textContent)`, &names)
	if !slices.Contains(names, hostileShown) {
		p.t.Errorf("%q is not shown: %q", hostileShown, names)
	}
	// As if a node had let it through as it is.
	p.Eval(`show({...last, nodes: last.nodes.map((n, i) => ({...n, version: "<b>v</b>", problems: [{what: "\x1b]0;<img src=x onerror=1>\u202e\n", do: "<script>1</script>"}],
		names: [...n.names, {name: "<svg/onload=1>\u0000\u2066" + i, kind: "\u202ecluster", here: 1, per_second: 1}],
		applications: [{address: "<a href=javascript:1>", cluster: "\u009b31m", since_seconds: 1, in_hand: 0, open: 0, topics: 0, queued_bytes: 0}]})),
		unanswered: [{id: "<i>", reason: "<iframe srcdoc=1>\u0007"}]}, last, reasons)`, nil)
	var found struct {
		Elements []string
		Controls bool
		Title    string
		Shown    []bool
	}
	p.Eval(`({elements: [...document.querySelectorAll("img, iframe, i, b, a, script:not(body > script), [onerror], [onload]")].map(e => e.outerHTML.slice(0, 100)),
		controls: /[^\P{C}\n\t]/u.test(document.body.innerText + document.title), title: document.title,
		shown: ["<svg/onload=1>\\x00\\u20660", "\\u202ecluster", "\\x1b]0;<img src=x onerror=1>\\u202e\\x0a", "\\u009b31m", "<iframe srcdoc=1>\\x07"].map(s => document.body.textContent.includes(s))})`, &found)
	if len(found.Elements) > 0 || found.Controls || strings.Contains(found.Title, "pwned") || slices.Contains(found.Shown, false) {
		p.t.Errorf("of what strangers say: %+v", found)
	}
	p.Await("the next answer", `shown.problems.length === 0`)
}

// testWidths looks at the page at the sizes of phones, tablets and screens.
func (p *watchedPage) testWidths() {
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int{360, 768, 1280} {
			p.Look(width, 800, scheme)
			p.Await("the drawing in its size", fmt.Sprintf(
				`innerWidth === %d && document.querySelector("#drawing svg").viewBox.baseVal.width === Math.max(document.getElementById("drawing").clientWidth, 280)`, width,
			))
			p.looksRight(fmt.Sprintf("%s-%d", scheme, width))
		}
	}
	var backs []string
	p.Eval(`[getComputedStyle(document.body).backgroundColor]`, &backs)
	if backs[0] != "rgb(18, 21, 26)" {
		p.t.Errorf("in the dark the page is %s", backs)
	}
}

// looksRight reports what does not fit, and takes a picture.
func (p *watchedPage) looksRight(name string) {
	p.t.Helper()
	var wrong []string
	p.Eval(`(() => {
		const wrong = [], most = document.documentElement.clientWidth
		if (document.documentElement.scrollWidth > most) wrong.push("the page scrolls sideways: " + document.documentElement.scrollWidth + " of " + most)
		for (const e of document.querySelectorAll("body *:not(.scroll *):not(title)"))
			if (e.getBoundingClientRect().right > most + 1) wrong.push(e.outerHTML.slice(0, 80))
		for (const e of document.querySelectorAll("#drawing text")) {
			const r = e.getBoundingClientRect(), d = document.getElementById("drawing").getBoundingClientRect()
			if (r.width && (r.left < d.left - 14 || r.right > d.right + 14 || r.bottom > d.bottom + 2 || r.top < d.top - 2)) wrong.push("outside the drawing: " + e.textContent)
		}
		for (const s of document.querySelectorAll(".scroll"))
			if (s.scrollWidth > s.clientWidth + 1) wrong.push("wider than its place: " + s.closest("section").dataset.table + " " + s.scrollWidth + " of " + s.clientWidth)
		return wrong
	})()`, &wrong)
	if len(wrong) > 0 {
		p.t.Errorf("%s: %q", name, wrong)
	}
	if *screenshots != "" {
		if err := os.WriteFile(filepath.Join(*screenshots, name+".png"), p.Screenshot(), 0o644); err != nil {
			p.t.Error(err)
		}
	}
}

// testKeyboard goes to a button by the tabulator, sees where it is, and sorts by it.
func (p *watchedPage) testKeyboard() {
	p.Eval(`document.activeElement.blur()`, nil)
	seen := make(map[string]bool)
	for range 40 {
		p.Key("Tab")
		var at struct{ Text, Outline string }
		p.Eval(`({text: document.activeElement.textContent.slice(0, 20), outline: getComputedStyle(document.activeElement).outlineStyle})`, &at)
		if at.Outline == "none" {
			p.t.Errorf("%q has the focus, which cannot be seen", at.Text)
		}
		if seen[at.Text] = true; at.Text == "name" {
			break
		}
	}
	if !seen["Pause"] || !seen["name"] {
		p.t.Fatalf("the tabulator leads to %q", slices.Sorted(maps.Keys(seen)))
	}
	p.Key("Enter")
	p.Await("names from a to z", `tables.names.headers[0].getAttribute("aria-sort") === "ascending" && tables.names.body.firstChild.firstChild.textContent.startsWith("<img")`)
	p.Key("Enter")
	p.Await("names from z to a", `tables.names.headers[0].getAttribute("aria-sort") === "descending" && tables.names.body.firstChild.firstChild.textContent === "news"`)
	p.Eval(`tables.names.by(4)`, nil)
}

// testRest sees that a page in the background asks nothing.
func (p *watchedPage) testRest() {
	const asked = `performance.getEntriesByType("resource").filter(e => e.name.includes("/v1/network")).length`
	for _, row := range []struct{ rest, wake string }{
		{
			`Object.defineProperty(document, "hidden", {configurable: true, get: () => true}); document.dispatchEvent(new Event("visibilitychange"))`,
			`delete document.hidden; document.dispatchEvent(new Event("visibilitychange"))`,
		},
		{`byId("pause").click()`, `byId("pause").click()`},
	} {
		p.Eval(row.rest, nil)
		p.Await("the end of the last question", `!asking`)
		var before, after int
		p.Eval(asked, &before)
		p.Eval(`new Promise(done => setTimeout(() => done(`+asked+`), 3 * PACE))`, &after)
		if after != before {
			p.t.Errorf("a page that rests has asked %d times: %s", after-before, row.rest)
		}
		p.Eval(row.wake, nil)
		p.Await("that it asks again", fmt.Sprintf(`%s > %d`, asked, before))
	}
}

// testMuch has the page show as much as an answer can have.
func (p *watchedPage) testMuch() {
	p.Look(1280, 800, "light")
	var took float64
	p.Eval(`paused = true`, nil)
	p.Await("the end of the last question", `!asking`)
	p.Eval(`(() => {
		const id = i => (i + 0x10000000).toString(16).padStart(32, "0"), count = 1000
		const node = i => ({...last.nodes[0], id: i ? id(i) : last.asked, names_left: 250000, problems: i % 100 === 7 ? [{what: "it is not well"}] : [], names: [0, 1, 2, 3].map(j => ({...last.nodes[0].names[0], name: "name " + i + " " + j, per_second: i})),
			links: [0, 1, 2, 3].map(j => ({peer: id((i * 7 + j) % count), transport: "quic", since_seconds: 100, sent_bytes: 1e6, received_bytes: 1e6, waiting_bytes: 0, in_hand: 0, packets_sent: 5000, packets_lost: i === 7 ? 1000 : 0}))})
		window.much = {asked: last.asked, nodes: [...Array(count).keys()].map(node), unanswered: [...Array(count).keys()].map(i => ({id: id(i + 5000), reason: "no answer within 2s"}))}
		const began = performance.now()
		for (let i = 0; i < 5; i++) show(much, much, reasons)
		return (performance.now() - began) / 5
	})()`, &took)
	p.t.Logf("4,000 names of 1,000 nodes are shown within %.0f ms", took)
	if took > 10_000 {
		p.t.Errorf("to show 4,000 names of 1,000 nodes takes %.0f ms", took)
	}
	var got struct{ Rows, Nodes, Lines, Curves, Problems int }
	p.Eval(`({rows: tables.names.body.children.length, nodes: document.querySelectorAll("#drawing .node").length, lines: document.querySelectorAll("#drawing line").length,
		curves: curves.size, problems: document.querySelectorAll("#problems li").length})`, &got)
	if got.Rows != 100 || got.Nodes != 31 || got.Lines > 31*30/2 || got.Curves > 300 || got.Problems != 20 {
		p.t.Errorf("the page has %+v", got)
	}
	p.Await("how many are left out", `tables.names.note.textContent.includes("3,900 more are not shown") && tables.names.note.textContent.includes("250,000,000 more are left out")`)
	p.Await("how many are one in the drawing", `byId("drawing-note").textContent.includes("1,970 more nodes")`)
	for _, width := range []int{360, 1280} {
		p.Look(width, 800, "light")
		p.Eval(`show(much, much, reasons)`, nil)
		p.looksRight(fmt.Sprintf("much-%d", width))
	}
	p.Eval(`paused = false; departed.clear(); last = undefined; look()`, nil)
	p.Await("the next answer", `tiles.get("nodes").textContent === "3"`)
}

// testWrong makes something wrong, a node silent, and at last the node go that shows the page.
func (p *watchedPage) testWrong() {
	p.Look(360, 800, "dark")
	waits := start(p.t, nil, "request", "-port", p.nodes[0].port, "-timeout", "2m", "nobody", "x")
	defer func() { waits.signals <- os.Interrupt }()
	p.Await("that a request waits for nobody", `byId("problems").textContent.includes("cluster nobody: 1 wait, and nobody serves it") &&
		document.querySelectorAll("#drawing polygon.node.problem").length === 1 && byId("state").textContent === "▲ 1 not well" && document.title.startsWith("(1) ")`)
	stopped := p.nodes[2].command.Process
	if err := stopped.Signal(syscall.SIGSTOP); err != nil {
		p.t.Fatal(err)
	}
	// The others find out within seconds, so it may not be seen that it only does not answer.
	p.Await("that a node has gone", `document.querySelectorAll("#drawing polygon.node.gone").length === 1 &&
		[...document.querySelectorAll("#drawing text.wrong")].some(t => t.textContent.startsWith("gone since ")) && tiles.get("nodes").textContent === "2"`)
	for _, complaint := range p.Complaints() {
		p.t.Errorf("the browser complains: %s", complaint)
	}
	p.looksRight("wrong-360")
	p.Look(1280, 800, "light")
	p.Await("the drawing in its size", `document.querySelector("#drawing svg").viewBox.baseVal.width > 600`)
	p.looksRight("wrong-1280")
	_ = p.nodes[0].command.Process.Kill()
	<-p.nodes[0].over
	p.Await("that the node is gone", `!byId("away").hidden && /^The node does not answer since \d\d:\d\d:\d\d /.test(byId("away").textContent) && byId("state").textContent === "✕ no answer"`)
	p.looksRight("gone-1280")
	for _, complaint := range p.Complaints() {
		if !strings.Contains(complaint, "ERR_CONNECTION_") { // which a browser says of each request that fails
			p.t.Errorf("the browser complains: %s", complaint)
		}
	}
}
