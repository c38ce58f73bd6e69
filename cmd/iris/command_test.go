package main

import (
	"errors"
	"flag"
	"slices"
	"strings"
	"testing"
	"time"
)

// parsed is what a command line means.
type parsed struct {
	command string
	flags   string // those that are set, in the order of their names
	args    []string
}

// parseLine parses a command line as run does.
func parseLine(args ...string) (parsed, error) {
	root := (&program{}).commands()
	c, args, err := root.choose(args)
	if err == nil {
		args, err = c.parse(args, root.variables())
	}
	got := parsed{command: c.Name, args: args}
	c.FlagSet.Visit(func(f *flag.Flag) { got.flags += " -" + f.Name + "=" + f.Value.String() })
	got.flags = strings.TrimSpace(got.flags)
	return got, err
}

func TestFlagsStandAnywhere(t *testing.T) {
	for _, row := range []struct {
		line string // words, one space between them
		want parsed
	}{
		{"request -timeout 9s echo hello", parsed{"request", "-timeout=9s", []string{"echo", "hello"}}},
		{"request echo hello -timeout 9s", parsed{"request", "-timeout=9s", []string{"echo", "hello"}}},
		{"request echo -raw hello --timeout=9s", parsed{"request", "-raw=true -timeout=9s", []string{"echo", "hello"}}},
		{"request echo -raw=no hello", parsed{"request", "-raw=false", []string{"echo", "hello"}}},
		{"request -timeout 9s -- echo -raw", parsed{"request", "-timeout=9s", []string{"echo", "-raw"}}},
		{"request echo -- -timeout", parsed{"request", "", []string{"echo", "-timeout"}}},
		{"request echo - -raw", parsed{"request", "-raw=true", []string{"echo", "-"}}},
		{"request echo -- --", parsed{"request", "", []string{"echo", "--"}}},
		{"reply echo -text -- -port 1", parsed{"reply", "-port=1 -text=--", []string{"echo"}}},
		{"reply ping -text pong -port 1", parsed{"reply", "-port=1 -text=pong", []string{"ping"}}},
		{"reply echo -parallel 3 grep -port 1 -- -x", parsed{"reply", "-parallel=3", []string{"echo", "grep", "-port", "1", "--", "-x"}}},
		{"reply -- echo grep -port", parsed{"reply", "", []string{"echo", "grep", "-port"}}},
		{"reply echo -- grep -port", parsed{"reply", "", []string{"echo", "grep", "-port"}}},
		{"broadcast all hear -port 1", parsed{"broadcast", "-port=1", []string{"all", "hear"}}},
		{"publish news -port 1 -- -5", parsed{"publish", "-port=1", []string{"news", "-5"}}},
		{"subscribe a -count 2 b -port 1 c", parsed{"subscribe", "-count=2 -port=1", []string{"a", "b", "c"}}},
		{"tunnel files -listen -port 1", parsed{"tunnel", "-listen=true -port=1", []string{"files"}}},
		{"bench request -size 9 -rate 1.5", parsed{"bench", "-rate=1.5 -size=9", []string{"request"}}},
		{"bench network -nodes 5 -json", parsed{"network", "-json=true -nodes=5", nil}},
		{"BENCH -- network", parsed{"network", "", nil}},
		{"bench request network", parsed{"bench", "", []string{"request", "network"}}},
		{"members -json -http :1", parsed{"members", "-http=:1 -json=true", nil}},
		{"KEYGEN file", parsed{"keygen", "", []string{"file"}}},
		{"-dev -port 1", parsed{"iris", "-dev=true -port=1", nil}},
		{"-dev=off --port=1", parsed{"iris", "-dev=false -port=1", nil}},
		{"-dev nothing -port 1", parsed{"iris", "-dev=true -port=1", []string{"nothing"}}},
	} {
		got, err := parseLine(strings.Split(row.line, " ")...)
		if err != nil || got.command != row.want.command || got.flags != row.want.flags || !slices.Equal(got.args, row.want.args) {
			t.Errorf("iris %s: got %+v, %v; want %+v", row.line, got, err, row.want)
		}
	}
}

func TestWrongFlags(t *testing.T) {
	for _, row := range []struct{ line, want string }{
		{"request echo -tiemout 9s", "iris request has no flag -tiemout; did you mean -timeout?"},
		{"publish news -5", "iris publish has no flag -5 (an argument that begins with a dash goes behind --)"},
		{"keygen -f file", "iris keygen has no flag -f ("},
		{"-prot=1", "iris has no flag -prot; did you mean -port?"},
		{"-port 1 request echo", "-port stands before the command, where no flag can be: write iris request -port 1"},
		{"-port 1 bench network", "-port stands before the command, where no flag can be: write iris bench -port 1"},
		{"bench -json network", "-json stands before the command, where no flag can be: write iris bench network -json"},
		{"bench network -node 5", "iris bench network has no flag -node; did you mean -nodes?"},
		{"request echo -timeout", "flag needs an argument: -timeout"},
		{"request echo -timeout 9", `invalid value "9" for flag -timeout: want a time with its unit, such as 500ms, 5s or 1h30m`},
		{"request echo -port=x", `invalid value "x" for flag -port: want a whole number`},
		{"request echo -raw=maybe", `invalid boolean value "maybe" for -raw: want true, yes, on or 1, or false, no, off or 0`},
		{"bench request -rate fast", `invalid value "fast" for flag -rate: want a number`},
		{"request ---port 1", "has no flag --port"},
	} {
		_, err := parseLine(strings.Split(row.line, " ")...)
		if wrong := (*usageError)(nil); !errors.As(err, &wrong) || !strings.Contains(err.Error(), row.want) {
			t.Errorf("iris %s: got %v, want %s", row.line, err, row.want)
		}
	}
	for _, line := range []string{"-h", "-port 1 -h", "-h request", "request echo -h", "reply echo --help cat"} {
		if _, err := parseLine(strings.Split(line, " ")...); !errors.Is(err, flag.ErrHelp) {
			t.Errorf("iris %s: got %v, want help", line, err)
		}
	}
}

func TestBooleansAreWrittenAsPeopleDo(t *testing.T) {
	for text, want := range map[string]string{
		"true": "true", "TRUE": "true", "yes": "true", "Yes": "true", "on": "true", "oN": "true", "1": "true", " yes ": "true",
		"false": "false", "No": "false", "off": "false", "OFF": "false", "0": "false", "fAlSe": "false",
	} {
		if got, err := parseLine("request", "x", "-raw="+text); err != nil || got.flags != "-raw="+want {
			t.Errorf("-raw=%q: got %+v, %v", text, got, err)
		}
		t.Setenv("IRIS_RAW", text)
		if got, err := parseLine("request", "x"); err != nil || got.flags != "-raw="+want {
			t.Errorf("IRIS_RAW=%q: got %+v, %v", text, got, err)
		}
	}
}

// Spaces around a value do not matter, but for a text that is sent.
func TestSpacesAroundAValue(t *testing.T) {
	got, err := parseLine("request", "x", "-timeout", " 9s\n", "-port= 7 ")
	if err != nil || got.flags != "-port=7 -timeout=9s" {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := parseLine("reply", "x", "-text", " pong "); err != nil || got.flags != "-text= pong" {
		t.Errorf("got %+v, %v", got, err)
	}
	var text verbatim
	if err := (&setting{&text}).Set(" pong "); err != nil || text != " pong " {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestDistance(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"abc", "", 3},
		{"", "abc", 3},
		{"kitten", "sitting", 3},
		{"saturday", "sunday", 3},
		{"port", "prot", 1},
		{"ca", "abc", 3},
		{"abcd", "badc", 2},
		{"LOGLEVEL", "LOG_LEVEL", 1},
		{"same", "same", 0},
	} {
		if got := distance(row.a, row.b); got != row.want {
			t.Errorf("from %q to %q: %d, want %d", row.a, row.b, got, row.want)
		}
	}
	for name, want := range map[string]string{"prot": "port", "zzz": "", "x": "", strings.Repeat("port", 1000): ""} {
		if got := nearest(name, []string{"raw", "timeout", "port"}); got != want {
			t.Errorf("nearest to %.20q: %q, want %q", name, got, want)
		}
	}
}

// The README's words: flags behind the arguments reach a node.
func TestARequestWithItsFlagsBehind(t *testing.T) {
	_, port := startNode(t)
	start(t, nil, "reply", "echo", port, "sh", "-c", "cat").err.next(t, "serving")
	if got := iris(t, "", "request", "echo", "hello", "-timeout", (5 * time.Second).String(), port); got.out != "hello\n" {
		t.Errorf("got %+v, want hello", got)
	}
	if got := iris(t, "", "request", port, "--", "echo", "-dashed"); got.out != "-dashed\n" {
		t.Errorf("got %+v, want -dashed", got)
	}
}
