package overlay

import (
	"context"
	"sync"

	"github.com/project-iris/iris/overlay/fanout"
	"github.com/project-iris/iris/overlay/wire"
)

// ways are how messages get to the nodes of a place. They are replaced, not changed, when
// the place moves or a link on the way is lost.
type ways struct {
	tree fanout.Tree
	// plain says that no message of the place ever went over another node, so that none
	// can be overtaken.
	plain bool
	// settled is closed when what took the ways before has arrived, or nobody can say
	// so. Nil: no way has changed.
	settled chan struct{}
	// users are those who send by these ways. Overlay.mu is held to add one, and none is
	// added after they were replaced.
	users sync.WaitGroup
}

// newWays returns the ways to the nodes of a place to which nothing was sent before.
// Overlay.mu is held.
func (o *Overlay) newWays(p *place) *ways {
	tree, _ := fanout.Tree(nil).Grow(p.nodes, o.links.linked)
	w := &ways{tree: tree, plain: tree.Leafless()}
	o.note(p, w)
	return w
}

// regrow replaces the ways to a place that has moved, or to which a link is lost.
// Overlay.mu is held.
func (o *Overlay) regrow(p *place) {
	old := p.ways
	if old == nil {
		return
	}
	tree, cut := old.tree.Grow(p.nodes, o.links.linked)
	p.ways = &ways{tree: tree, plain: old.plain && tree.Leafless(), settled: old.settled}
	o.note(p, p.ways)
	if len(cut) > 0 {
		settled := make(chan struct{})
		p.ways.settled = settled
		o.net.work.Go(func() {
			defer close(settled)
			o.net.settle(old, cut)
		})
	}
}

// note remembers whether messages to a place go over other nodes. Overlay.mu is held.
func (o *Overlay) note(p *place, w *ways) {
	if w.tree.Leafless() {
		delete(o.branching, p)
	} else {
		o.branching[p] = struct{}{}
	}
}

// regrowOver replaces the ways that led over a node whose link is lost. Overlay.mu is
// held.
func (o *Overlay) regrowOver(id wire.NodeID) {
	for p := range o.branching {
		for i := range p.ways.tree {
			if b := &p.ways.tree[i]; b.Node == id && len(b.Leaves) > 0 {
				o.regrow(p)
				break
			}
		}
	}
}

// settle waits until all that went by branches that were cut has arrived, as far as there
// still is a link to ask.
func (n *network) settle(before *ways, cut []fanout.Branch) {
	before.users.Wait()
	if before.settled != nil {
		<-before.settled
	}
	ctx, cancel := context.WithTimeout(n.ctx, knowTimeout)
	defer cancel()
	var passing sync.WaitGroup
	for _, b := range cut {
		if r := n.overlay.links.get(b.Node); r != nil {
			for i := range uint64(laneCount) {
				passing.Go(func() { n.fences.pass(ctx, r, i, b.Leaves) })
			}
		}
	}
	passing.Wait()
}

// fences are what was sent to find out whether all before it has arrived.
type fences struct {
	mu   sync.Mutex
	last uint64 // token
	open map[uint64]*fence
}

// fence waits for nodes to say that it has come to them.
type fence struct {
	left   map[wire.NodeID]struct{}
	passed chan struct{} // closed when none is left
}

// pass sends a fence through one of the lanes to a node and on to its leaves, and returns
// when all of them have it, the link is lost, or the context ends.
func (f *fences) pass(ctx context.Context, r *remote, shard uint64, leaves []wire.NodeID) {
	token, one := f.begin(leaves)
	defer f.end(token)
	m := wire.Spread{Kind: wire.KindFence, Order: token, Nodes: leaves}
	l := r.lane(shard)
	b, err := l.begin(m.Size(), lanePatience)
	if err != nil {
		return
	}
	l.commit(m.Append(b))
	select {
	case <-one.passed:
	case <-r.peer.Context().Done():
	case <-ctx.Done():
	}
}

func (f *fences) begin(leaves []wire.NodeID) (token uint64, one *fence) {
	one = &fence{left: make(map[wire.NodeID]struct{}, len(leaves)), passed: make(chan struct{})}
	for _, id := range leaves {
		one.left[id] = struct{}{}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last++
	if f.open == nil {
		f.open = make(map[uint64]*fence)
	}
	f.open[f.last] = one
	return f.last, one
}

func (f *fences) end(token uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.open, token)
}

// passed notes that a fence has come to a node.
func (f *fences) passed(token uint64, id wire.NodeID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	one := f.open[token]
	if one == nil {
		return
	}
	delete(one.left, id)
	if len(one.left) == 0 {
		delete(f.open, token)
		close(one.passed)
	}
}
