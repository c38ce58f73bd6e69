package status

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/project-iris/iris/transport"
)

// Names are raw bytes: as text they print on one line, and no two are the same.
func TestText(t *testing.T) {
	for raw, want := range map[string]string{
		"billing": "billing", "": "", "Grüße": "Grüße", `a "b"`: `a "b"`,
		"\x1b[31m": `\x1b[31m`, "a\nb": `a\nb`, `a\nb`: `a\\nb`, "\xff": `\xff`, "\u202e": `\u202e`, `\"`: `\\"`,
	} {
		if got := Text(raw); got != want {
			t.Errorf("%q is %s, want %s", raw, got, want)
		}
	}
}

// What another node says of itself cannot do harm on a terminal, nor fill memory.
func TestParseWhatIsHostile(t *testing.T) {
	liar := Node{
		Network: "\x1b[2J", Problems: []Problem{{What: "a\nb"}}, Names: make([]Name, 3*maxList),
		Applications: []App{{Cluster: strings.Repeat("x", 2*maxText), Reasons: map[Reason]uint64{"\x1b": 1, AppDenied: 2}}},
		Reasons:      map[Reason]uint64{"made_up": 1, EventSlowReceiver: 3},
	}
	b, err := json.Marshal(liar)
	if err != nil {
		t.Fatal(err)
	}
	n, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if n.Network != `\x1b[2J` || n.Problems[0].What != `a\nb` {
		t.Errorf("network %q, problem %q", n.Network, n.Problems[0].What)
	}
	if len(n.Names) != maxList || len(n.Applications[0].Cluster) != maxText {
		t.Errorf("%d names, and a cluster of %d bytes", len(n.Names), len(n.Applications[0].Cluster))
	}
	if fmt.Sprint(n.Reasons, n.Applications[0].Reasons) != "map[event_slow_receiver:3] map[application_denied:2]" {
		t.Errorf("reasons %v, and of the application %v", n.Reasons, n.Applications[0].Reasons)
	}
	for _, garbage := range []string{"", "null x", "[]", `{"names":7}`, strings.Repeat("[", 100_000)} {
		if _, err := Parse([]byte(garbage)); err == nil {
			t.Errorf("%.20q is a status", garbage)
		}
	}
}

// Text is bounded also when its escapes are longer than it was, whatever it is cut at, and is right then.
func TestParseBoundsWhatIsEscaped(t *testing.T) {
	for _, text := range []string{strings.Repeat("\x1b", maxText), strings.Repeat("x", maxText-2) + "馬馬", "x" + strings.Repeat("é", maxText) + "\n"} {
		b, _ := json.Marshal(Node{Network: text})
		once, err := Parse(b)
		if err != nil || len(once.Network) > maxText || len(once.Network) < maxText-4 || !utf8.ValidString(once.Network) {
			t.Fatalf("%v: %d bytes, which end with %q", err, len(once.Network), once.Network[len(once.Network)-10:])
		}
		b, _ = json.Marshal(once)
		if again, err := Parse(b); err != nil || again.Network != once.Network {
			t.Errorf("%v: %d bytes become %d", err, len(once.Network), len(again.Network))
		}
	}
}

// A tree that was escaped once is as it was after it has passed from node to node.
func TestParseChangesNothingThatIsRight(t *testing.T) {
	b, _ := json.Marshal(Node{Network: Text("a\x1bb\\"), Names: []Name{{Name: Text("\xff\x00")}}})
	n, err := Parse(b)
	if err != nil || n.Network != `a\x1bb\\` || n.Names[0].Name != `\xff\x00` {
		t.Errorf("%v: %q, %q", err, n.Network, n.Names[0].Name)
	}
}

// What is not well is said, with what to do about it.
func TestDiagnose(t *testing.T) {
	for want, n := range map[string]Node{
		"":                               {Names: []Name{{Name: "echo", Here: 1, Waiting: 1}}},
		"the node is stuck: the relay":   {Stuck: "the relay"},
		"not listening":                  {Deaf: []string{"not listening"}},
		"the node is being stopped":      {Draining: true},
		"cluster a: 2 wait for room":     {Names: []Name{{Name: "a", Here: 1, Waiting: 2, Crowded: true}}},
		"cluster a: 2 wait, and nobody":  {Names: []Name{{Name: "a", Waiting: 2}}},
		"application a at b reads too":   {Applications: []App{{Cluster: "a", Address: "b", Slow: true}}},
		"link to 00000000 loses packets": {Links: []Link{{Peer: transport.PeerID{}, SinceSeconds: 60, PacketsSent: 2000, PacketsLost: 200}}},
	} {
		problems := n.Diagnose()
		switch {
		case want == "" && len(problems) > 0:
			t.Errorf("%+v has problems: %v", n, problems)
		case want != "" && (len(problems) != 1 || !strings.HasPrefix(problems[0].What, want)):
			t.Errorf("problems are %v, want %q", problems, want)
		}
	}
	many := Node{Applications: make([]App, 100)}
	for i := range many.Applications {
		many.Applications[i].Slow = true
	}
	if got := many.Diagnose(); len(got) != maxProblems+1 || got[maxProblems].What != "and 95 more like the last" {
		t.Errorf("of a hundred: %v", got)
	}
}

// Each reason is in the list once, and says what it means.
func TestReasonsAreExplained(t *testing.T) {
	seen := make(map[Reason]bool)
	for _, r := range Reasons {
		if seen[r.Reason] || r.Unit == "" || r.Text == "" || strings.Trim(string(r.Reason), "abcdefghijklmnopqrstuvwxyz_") != "" {
			t.Errorf("%+v", r)
		}
		seen[r.Reason] = true
	}
}
