package directory

import (
	"testing"
	"time"

	"github.com/project-iris/iris/overlay/scripttest"
)

// Scripts are stories of nodes that tell each other, in testdata: package scripttest.
// Commands are in script_commands_test.go. Time passes with run and settle only. A message is
// shown when it is sent, and arrives a millisecond later.
func TestScripts(t *testing.T) { language.Test(t) }

var language = scripttest.Language[*script]{Begin: beginScript, Commands: commands}

// script is a script that is played.
type script struct {
	t      testing.TB
	log    *scripttest.Log
	world  *world // nil before there are nodes
	config Config
	sent   int              // messages
	drops  map[[2]*node]int // messages to lose, by sender and receiver
	awaits uint64           // the last token
	names  map[Name]string  // that the script has used
}

func beginScript(t testing.TB, log *scripttest.Log) *script {
	return &script{t: t, log: log, drops: make(map[[2]*node]int), names: make(map[Name]string)}
}

// Settle lets what is due happen, and holds the nodes' tables against each other.
func (s *script) Settle() {
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

// Now returns the time of the nodes.
func (s *script) Now() time.Time {
	if s.world == nil {
		return start
	}
	return s.world.now
}

func TestScriptsThatCannotBeUnderstood(t *testing.T) {
	language.TestMisuse(t, map[string]string{
		"register n0 mail":                    "1: there are no nodes yet",
		"nodes 2\n\nregister n2 mail":         "3: n2 is no node",
		"nodes 2\nregister n0":                "2: there is no name",
		"nodes 2\nnodes 2":                    "2: there are nodes already",
		"nodes 2\nkill n0\nkill n1\nowners x": "4: no node is up",
		"config ownres=2":                     "1: there is no setting ownres",
		"nodes 2\nlookup n0 mail":             "2: the node does not watch this name",
		"nodes 2\ndrop n0->n1":                "2: drop what? drop next n0->n1",
		"nodes 2\nlie n0 n1 mail n1":          "2: it tells this node nothing",
	})
}
