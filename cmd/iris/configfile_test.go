package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/project-iris/iris/node"
)

// writeConfig writes a configuration and returns its path.
func writeConfig(t testing.TB, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "iris.conf")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The command line wins over the environment, and that over the file; a list is that of the
// first of them that has it.
func TestTheFileIsTheLastToBeAsked(t *testing.T) {
	path := writeConfig(t,
		"\ufeff# a comment", "", " port = 1 \r", "queue=2", "log-level\t=\twarn",
		"join = a:1", "join = b:2, c:3", "dev = Yes", "discover = exec:echo a, b # c")
	t.Setenv("IRIS_QUEUE", "22")
	t.Setenv("IRIS_LOG_LEVEL", "error")
	got, err := parseLine("-config", path, "-log-level", "debug")
	want := "-config=" + path + " -dev=true -discover=exec:echo a, b # c -join=a:1,b:2,c:3 -log-level=debug -port=1 -queue=22"
	if err != nil || got.flags != want {
		t.Errorf("%v: got\n%s, want\n%s", err, got.flags, want)
	}
	got, err = parseLine("-config", path, "-join", "d:4")
	if err != nil || !strings.Contains(got.flags, "-join=d:4 ") {
		t.Errorf("%v: a list of the command line is not alone: %s", err, got.flags)
	}
	t.Setenv("IRIS_CONFIG", path)
	t.Setenv("IRIS_JOIN", "e:5")
	if got, err = parseLine(); err != nil || !strings.Contains(got.flags, "-join=e:5 ") {
		t.Errorf("%v: the environment names the file: %s", err, got.flags)
	}
}

func TestWrongConfigurations(t *testing.T) {
	for _, row := range []struct{ line, want string }{
		{"prot = 1", `iris.conf:2: there is no setting "prot"; did you mean port?`},
		{"-port = 1", `did you mean port?`},
		{"LOG_LEVEL = info", `did you mean log-level?`},
		{"frobnicate = 1", `iris.conf:2: there is no setting "frobnicate"; see iris check -sample`},
		{"json = yes", `there is no setting "json"`}, // it is of iris check alone
		{"port = many", `iris.conf:2: "many" is no value for port: want a whole number`},
		{"stall = 5", `"5" is no value for stall: want a time with its unit`},
		{"port", `iris.conf:2: "port" is not NAME = VALUE`},
		{"= 5", `iris.conf:2: "= 5" is not NAME = VALUE`},
		{"port =", `iris.conf:2: "port" has no value`},
		{"[network]", `iris.conf:2: there are no sections`},
		{`net = "x"`, `iris.conf:2: the value of "net" is in quotes`},
		{"port = 1\nport = 2", `iris.conf:3: port is in line 2 already`},
		{"config = other", `a configuration cannot name another one`},
		{"port = 70000", `iris: -port comes from the configuration: `},
		{"link-idle = 5", `"5" is no value for link-idle`}, // though the command line has it
		{"\x1b[2J = 1", `there is no setting "\x1b[2J"`},
		{"a = 1\nb = 2", `iris.conf:3: there is no setting "b"`}, // all of them are said
		{strings.Repeat("x", maxConfig), `has more than 1048576 bytes`},
	} {
		path := writeConfig(t, "dev = yes", row.line)
		for _, args := range [][]string{{"check", "-config", path, "-link-idle", "1m"}, {"-config", path, "-link-idle", "1m"}} {
			got := iris(t, "", args...)
			if got.code != exitUsage || !strings.Contains(got.err, row.want) || len(got.err) > 1000 {
				t.Errorf("%.50q: exit code %d and %.300s; want %s", row.line, got.code, got.err, row.want)
			}
		}
	}
	got := iris(t, "", "-config", filepath.Join(t.TempDir(), "none"))
	if got.code != exitUsage || !strings.Contains(got.err, "cannot be read (no such file or directory)") {
		t.Errorf("no file: %+v", got)
	}
}

// The sample explains each flag of a node, sets nothing, and each of its defaults is right.
func TestTheSample(t *testing.T) {
	got := iris(t, "", "check", "-sample")
	path := filepath.Join(t.TempDir(), "iris.conf")
	if got.code != exitGood || os.WriteFile(path, []byte(got.out), 0o600) != nil {
		t.Fatalf("%+v", got)
	}
	if empty, err := parseLine("-config", path); err != nil || empty.flags != "-config="+path {
		t.Errorf("%v: the sample sets %s", err, empty.flags)
	}
	var f nodeFlags
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	f.register(flags)
	var settings []string
	flags.VisitAll(func(f *flag.Flag) {
		switch n := strings.Count(got.out, "\n#"+f.Name+" = "); {
		case n != 1 && f.Name != flagConfig:
			t.Errorf("the sample has %d lines for %s", n, f.Name)
		case f.DefValue != "" && f.DefValue != "false":
			settings = append(settings, f.Name+" = "+f.DefValue)
		}
	})
	if !strings.Contains(got.out, "\n#port = 55555\n") || !strings.Contains(got.out, "\n#net = NAME\n") {
		t.Errorf("the sample is\n%s", got.out)
	}
	for line := range strings.SplitSeq(got.out, "\n") {
		if len(line) > sampleWidth {
			t.Errorf("a long line: %s", line)
		}
	}
	for _, setting := range settings {
		if !strings.Contains(got.out, "\n#"+setting+"\n") {
			t.Errorf("the sample lacks %s", setting)
		}
	}
	if _, err := parseLine("-config", writeConfig(t, settings...)); err != nil {
		t.Errorf("the defaults: %v", err)
	}
}

func TestCheckSaysWhatIsSetWhere(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key.pem")
	if got := iris(t, "", "keygen", key); got.code != exitGood {
		t.Fatal(got.err)
	}
	path := writeConfig(t, "net = example", "rsa = "+key, "port = 1", "queue = 3")
	t.Setenv("IRIS_QUEUE", "22")
	got := iris(t, "", "check", "-config", path, "-stall", "1m")
	for _, want := range []string{"net      example", "iris.conf:1\n", "IRIS_QUEUE\n", "command line\n", `good: network "example", network key Ed25519 SHA256:`} {
		if got.code != exitGood || !strings.Contains(got.out, want) {
			t.Errorf("%+v: want %q", got, want)
		}
	}
	var found checked
	got = iris(t, "", "check", "-config", path, "-json")
	if err := json.Unmarshal([]byte(got.out), &found); err != nil || !found.Good || found.Network != "example" ||
		len(found.Settings) != 5 || fmt.Sprint(found.Settings[3]) != "{queue 22 IRIS_QUEUE}" {
		t.Errorf("%v: %+v", err, found)
	}
	for _, args := range [][]string{{"-port", "70000"}, {"-join", "nowhere"}, {"-log-level", "loud"}, {"-rsa", "none"}, {"-plugin-opt", "x"}, {"-accept", "none"}} {
		got = iris(t, "", append([]string{"check", "-config", path, "-json"}, args...)...)
		found = checked{}
		if err := json.Unmarshal([]byte(got.out), &found); err != nil || found.Good || len(found.Errors) != 1 || got.code == exitGood {
			t.Errorf("%s: %v: %+v", args, err, got)
		}
	}
}

func TestVersion(t *testing.T) {
	got := iris(t, "", "version", "-json")
	var build node.Build
	if err := json.Unmarshal([]byte(got.out), &build); err != nil || build != node.ThisBuild() || build.Version == "" || build.Protocol.Newest == 0 {
		t.Errorf("%v: %+v", err, got)
	}
	if got = iris(t, "", "version"); !strings.HasPrefix(got.out, "iris "+build.Version+"\n") || !strings.Contains(got.out, "protocol between nodes: versions 1 to ") {
		t.Errorf("%+v", got)
	}
}
