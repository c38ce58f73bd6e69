package names

import (
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/overlay/scripttest"
)

// Scripts are stories of what the names of nodes decide, in testdata: package scripttest.
// Commands are in script_commands_test.go. Time passes with run and load only. What happens at
// a node is what its names have returned and what was done of it, as the overlay would: n0
// picks, holds, lets go on. A directory is told of a name whether it is served at the node and
// whether it is sent to from there: both, though only one has changed. A message to another
// node takes a millisecond, and a member answers after a millisecond, unless the script says
// otherwise.
func TestScripts(t *testing.T) { language.Test(t) }

var language = scripttest.Language[*script]{Begin: beginScript, Commands: commands}

// script is a script that is played.
type script struct {
	t     testing.TB
	log   *scripttest.Log
	world *world // nil before there are nodes
}

func beginScript(t testing.TB, log *scripttest.Log) *script { return &script{t: t, log: log} }

// Now returns the time of the nodes.
func (s *script) Now() time.Time {
	if s.world == nil {
		return start
	}
	return s.world.now
}

// Settle lets what is due happen, and looks whether anything is left to do at a node.
func (s *script) Settle() {
	if s.world == nil {
		return
	}
	s.world.run(0)
	for _, n := range s.world.nodes {
		n.settle()
	}
}

func TestScriptsThatCannotBeUnderstood(t *testing.T) {
	language.TestMisuse(t, map[string]string{
		"attach n0 client":                  "1: there are no nodes yet",
		"nodes 2\nnodes 2":                  "2: there are nodes already",
		"nodes 9":                           "1: there are 4 nodes at most, which all know where all is",
		"nodes 2\nattach n2 client":         "2: n2 is no node",
		"nodes 2\nattach client":            "2: client is no node",
		"nodes 2\nrequest client echo 1s":   "2: there is no member client",
		"nodes 1\nattach n0 a\nattach n0 a": "3: there is a member a already",
		"nodes 1\nattach n0 a\nlink n0 n0":  "3: n0 has no link to n0",
		"nodes 2\nlink n0 n1":               "2: the link is up",
		"nodes 2\ncut n0 n1\ncut n0 n1":     "3: the link is cut",
		"nodes 1\nattach n0 a\nload a b":    "3: load needs every and for",
		"nodes 1\nattach n0 a\nload a b x=": "3: there is no setting x",
		"nodes 1\ncosts n0 echo":            "2: n0 does not look up echo",
	})
}

// Scripts that do the same at the same time come out the same.
func TestScriptsAreRepeatable(t *testing.T) {
	text := strings.Join([]string{
		"nodes 4", "attach n0 client", "attach n1 a echo", "attach n2 b echo", "attach n3 c echo", "request client echo 5s",
		"request client echo 5s", "request client buy 5s", "run 10ms", "request client echo 5s", "request client echo 5s",
		"full a", "full b", "load client echo every=5ms for=1s", "run 1s", "held n0 echo", "costs n0 echo", "drain n0",
	}, "\n")
	first, err := language.Play(t, text)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if again, err := language.Play(t, text); again != first || err != nil {
			t.Fatalf("%v\n%s\nwas before\n%s", err, again, first)
		}
	}
}
