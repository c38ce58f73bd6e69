package node

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/project-iris/iris/node/explain"
	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/node/trace"
	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/transport"
)

const (
	// maxTree is how long the tree of another node may be, in bytes, and maxTrees those of all
	// together.
	maxTree  = 4 << 20
	maxTrees = 128 << 20
	// askStatus is the question that a node answers with its [status.Node] in JSON.
	askStatus = "/v1/status"
)

// errTrees says that the other nodes have said more than this one keeps.
var errTrees = errors.New("the answers of all nodes together are too long")

// answer answers a question of another node.
func (n *Node) answer(question string) []byte {
	if n.relay == nil {
		return nil
	}
	if b, mine := explain.Answer(n.overlay, n.titles, question); mine {
		return b
	}
	if b, mine := trace.Answer(n.overlay, question); mine {
		return b
	}
	switch question {
	case askStatus:
	case askExamined:
		return n.examined()
	default:
		return nil
	}
	b, err := json.Marshal(n.Status())
	if err != nil {
		return nil
	}
	return b
}

// WholeNetwork returns what this node knows about itself, and what the others say, who have two
// seconds for that. Nodes can lie about themselves, but not about who they are.
func (n *Node) WholeNetwork(ctx context.Context) *status.Network { return n.gather(ctx, askStatus) }

// gather asks all others a question, which they answer with their trees.
func (n *Node) gather(ctx context.Context, question string) *status.Network {
	all := &status.Network{Asked: n.ID(), Nodes: []status.Node{*n.Status()}, Unanswered: []status.Unanswered{}}
	g := gathering{all: all, room: maxTrees}
	n.overlay.AskAll(ctx, n.others(), question, maxTree, g.take)
	slices.SortFunc(all.Nodes[1:], func(a, b status.Node) int { return cmp.Compare(a.ID.String(), b.ID.String()) })
	slices.SortFunc(all.Unanswered, status.Unanswered.Compare)
	return all
}

// gathering gathers what nodes say.
type gathering struct {
	mu   sync.Mutex
	all  *status.Network
	room int // bytes that may still come
}

// take takes what a node says.
func (g *gathering) take(id transport.PeerID, answer []byte, err error) {
	var tree *status.Node
	if err == nil {
		tree, err = status.Parse(answer)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.room -= len(answer); g.room < 0 && err == nil {
		err = errTrees
	}
	if err != nil {
		g.all.Unanswered = append(g.all.Unanswered, status.NoAnswer(id, err, overlay.AskTime))
		return
	}
	tree.ID = id
	tree.ClockOffsetSeconds = time.Until(tree.Time).Seconds()
	g.all.Nodes = append(g.all.Nodes, *tree)
}
