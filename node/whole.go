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
	"github.com/project-iris/iris/transport"
)

const (
	// wholeTimeout is how long all others may take together to say how they are.
	wholeTimeout = 2 * time.Second
	// askedAtOnce is how many nodes are asked at a time.
	askedAtOnce = 32
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
	if n.links == nil {
		return all
	}
	ctx, cancel := context.WithTimeout(ctx, wholeTimeout)
	defer cancel()
	g := gathering{all: all, room: maxTrees, turns: make(chan struct{}, askedAtOnce)}
	var asking sync.WaitGroup
	for _, other := range n.overlay.Network().Nodes() {
		g.turn(ctx)
		asking.Go(func() {
			defer g.next()
			g.take(other.ID, func() ([]byte, error) { return n.overlay.Ask(ctx, other.ID, question, maxTree) })
		})
	}
	asking.Wait()
	slices.SortFunc(all.Nodes[1:], func(a, b status.Node) int { return cmp.Compare(a.ID.String(), b.ID.String()) })
	slices.SortFunc(all.Unanswered, func(a, b status.Unanswered) int { return cmp.Compare(a.ID.String(), b.ID.String()) })
	return all
}

// gathering gathers what nodes say.
type gathering struct {
	turns chan struct{} // holds one for each node that is being asked

	mu   sync.Mutex
	all  *status.Network
	room int // bytes that may still come
}

// turn waits for a turn to ask, or until the context ends: to ask fails at once then.
func (g *gathering) turn(ctx context.Context) {
	select {
	case g.turns <- struct{}{}:
	case <-ctx.Done():
		g.turns <- struct{}{}
	}
}

func (g *gathering) next() { <-g.turns }

// take takes what a node says.
func (g *gathering) take(id transport.PeerID, ask func() ([]byte, error)) {
	answer, err := ask()
	var tree *status.Node
	if err == nil {
		tree, err = status.Parse(answer)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.room -= len(answer); g.room < 0 && err == nil {
		err = errTrees
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		g.all.Unanswered = append(g.all.Unanswered, status.Unanswered{ID: id, Reason: "no answer within " + wholeTimeout.String()})
	case err != nil:
		g.all.Unanswered = append(g.all.Unanswered, status.Unanswered{ID: id, Reason: status.Text(err.Error())})
	default:
		tree.ID = id
		tree.ClockOffsetSeconds = time.Until(tree.Time).Seconds()
		g.all.Nodes = append(g.all.Nodes, *tree)
	}
}
