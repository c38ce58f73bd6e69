package directory

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var rewrite = flag.Bool("rewrite", false, "TestScripts writes what happens into the scripts")

// Scripts are stories with what happens in them, in testdata. That scenarios of a state
// machine are text, whose results a flag rewrites, is how etcd's raft tests itself
// (go.etcd.io/raft, testdata), with a library named datadriven. After a change that
// means to change what happens:
//
//	go test ./overlay/directory -run TestScripts -rewrite
//
// A line of a script is a command, prose after a number sign, or, if it is indented, what
// the command before it has caused. Commands are in script_commands_test.go. Time passes
// with run and settle only; times are since the command began. A message is shown when
// it is sent, and arrives a millisecond later.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d scripts, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { testScript(t, file) })
	}
}

func testScript(t *testing.T, file string) {
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	if !strings.HasPrefix(want, "# ") {
		t.Errorf("%s does not begin with what it shows", file)
	}
	got, err := play(t, want)
	if err != nil {
		t.Fatalf("%s:%v", file, err)
	}
	if got == want {
		return
	}
	if !*rewrite {
		t.Fatalf("%s:%s\nIf this is as it should be, run TestScripts with -rewrite.", file, firstDifference(want, got))
	}
	if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
		t.Fatal(err)
	}
}

// firstDifference shows where two texts part, as a line's number and some lines of both.
func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	at := 0
	for at < min(len(w), len(g)) && w[at] == g[at] {
		at++
	}
	some := func(lines []string) string { return strings.Join(lines[at:min(at+8, len(lines))], "\n") }
	return fmt.Sprintf("%d: has\n%s\nwhere the script says\n%s", at+1, some(g), some(w))
}

// indent begins the lines that say what happens.
const indent = "    "

// script is a script that is played.
type script struct {
	t      testing.TB
	text   strings.Builder // the script, with what happens
	world  *world          // nil before there are nodes
	config Config
	began  time.Time        // when the command did
	quiet  bool             // only count
	seen   int              // messages in the command
	drops  map[[2]*node]int // messages to lose, by sender and receiver
	awaits uint64           // the last token
	names  map[Name]string  // that the script has used
}

// play plays a script and returns it with what happens now. Errors begin with the
// number of a line.
func play(t testing.TB, text string) (string, error) {
	s := &script{t: t, drops: make(map[[2]*node]int), names: make(map[Name]string)}
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if strings.HasPrefix(line, indent) {
			continue
		}
		s.text.WriteString(line + "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := s.do(strings.Fields(line)); err != nil {
			return "", fmt.Errorf("%d: %w", i+1, err)
		}
	}
	return s.text.String(), nil
}

// misuse is a command that cannot be understood. Commands panic with it.
type misuse string

// do does what a command says, and what follows from it at the same time.
func (s *script) do(words []string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			m, ok := r.(misuse)
			if !ok {
				panic(r)
			}
			err = errors.New(string(m))
		}
	}()
	command, found := commands[words[0]]
	if !found {
		panic(misuse("there is no command " + words[0]))
	}
	s.seen, s.began = 0, s.now()
	a := &arguments{script: s, words: words[1:]}
	command(s, a)
	a.end()
	s.look()
	return nil
}

// look lets what is due happen, and holds the nodes' tables against each other.
func (s *script) look() {
	if s.world == nil {
		return
	}
	s.world.run(0)
	for _, n := range s.world.nodes {
		if n.dir != nil {
			check(s.t, n.dir)
		}
	}
}

func (s *script) now() time.Time {
	if s.world == nil {
		return start
	}
	return s.world.now
}

// say adds a line about what happens.
func (s *script) say(format string, args ...any) {
	if !s.quiet {
		s.text.WriteString(indent + strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n")
	}
}

// happens adds a line about what happens now.
func (s *script) happens(format string, args ...any) {
	since := s.now().Sub(s.began).Round(time.Millisecond)
	at := since.String()
	if since >= time.Minute {
		at = fmt.Sprintf("%.3fs", since.Seconds())
	}
	s.say("%-7s %s", at, fmt.Sprintf(format, args...))
}

// What a script says is held against what happens, also where it says nothing.
func TestScriptsAreRewritten(t *testing.T) {
	const right = `# Prose stays.
nodes 2

register n0 mail
    0s      n0 -> n1: update 1 reset complete; registers mail
run 2ms
    1ms     n1 -> n0: ack 1
`
	for _, text := range []string{
		right,
		strings.ReplaceAll(right, "ack 1", "ack 2"),
		strings.ReplaceAll(right, "nodes 2\n", "nodes 2\n    0s      n0 has gone\n"),
		strings.ReplaceAll(right, "    1ms     n1 -> n0: ack 1\n", ""),
	} {
		if got, err := play(t, text); got != right || err != nil {
			t.Errorf("of\n%s\nbecame, with %v,\n%s", text, err, got)
		}
	}
}

func TestScriptsThatCannotBeUnderstood(t *testing.T) {
	for text, want := range map[string]string{
		"juggle n0":                           "1: there is no command juggle",
		"register n0 mail":                    "1: there are no nodes yet",
		"nodes 2\n\nregister n2 mail":         "3: n2 is no node",
		"nodes 2\nregister n0":                "2: there is no name",
		"nodes 2\nrun 5":                      "2: 5 is no time",
		"nodes 2\nkill n0 n1":                 "2: too much: n1",
		"nodes two":                           "1: two is no number",
		"nodes 2\nnodes 2":                    "2: there are nodes already",
		"nodes 2\nkill n0\nkill n1\nowners x": "4: no node is up",
		"config ownres=2":                     "1: there is no setting ownres",
		"nodes 2\nlookup n0 mail":             "2: the node does not watch this name",
		"nodes 2\ndrop n0->n1":                "2: drop what? drop next n0->n1",
		"nodes 2\nlie n0 n1 mail n1":          "2: it tells this node nothing",
	} {
		if got, err := play(t, text); err == nil || err.Error() != want {
			t.Errorf("%q became %q, with %v; want %s", text, got, err, want)
		}
	}
}
