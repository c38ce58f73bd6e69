package node

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/transport"
)

// A node can lie about itself, but not about who it is, and what it says holds up nobody.
func TestWhatOtherNodesSay(t *testing.T) {
	g := gathering{all: &status.Network{}, room: 1 << 20}
	say := func(id byte, answer string, err error) {
		g.take(transport.PeerID{id}, []byte(answer), err)
	}
	say(1, fmt.Sprintf(`{"id":%q,"network":"x"}`, transport.PeerID{9}), nil)
	say(2, "\x00\xff", nil)
	say(3, "", context.DeadlineExceeded)
	say(4, "", errors.New("\x1b[31m"))
	say(5, `{"network":"`+string(make([]byte, 1<<20))+`"}`, nil)
	say(6, `{}`, nil) // the room is used up
	if len(g.all.Nodes) != 1 || g.all.Nodes[0].ID != (transport.PeerID{1}) || g.all.Nodes[0].Network != "x" {
		t.Errorf("nodes: %+v", g.all.Nodes)
	}
	want := []string{"", "", "no answer within 2s", `\x1b[31m`, "", errTrees.Error()}
	if len(g.all.Unanswered) != 5 {
		t.Fatalf("unanswered: %+v", g.all.Unanswered)
	}
	for _, u := range g.all.Unanswered {
		if text := want[u.ID[0]-1]; u.Reason == "" || text != "" && u.Reason != text {
			t.Errorf("%s: %q, want %q", u.ID.Short(), u.Reason, text)
		}
	}
}
