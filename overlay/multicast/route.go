package multicast

import (
	"context"
	"sync"

	"github.com/project-iris/iris/transport"
)

// Route is how messages for one name get to the nodes that want them. Who has had it made owns
// it, and alone calls Move and Close. A [Sender] uses it and does not change it.
type Route struct {
	multicast *Multicast
	snapshot  *snapshot // replaced, not changed; guarded by Multicast.mu
}

// snapshot is a route as it is, until the nodes change or a link to one is lost.
type snapshot struct {
	tree Tree
	// direct says that no message of the route was ever forwarded, so that none can be
	// overtaken.
	direct bool
	// users are those who send by this snapshot, or by earlier ones since a branch was cut.
	// None is added after the next was: Multicast.mu is held for both.
	users *sync.WaitGroup
	// sent is closed when nobody sends any more by the snapshots before the last cut, and
	// settled when what they sent has arrived, or nobody can say so. Nil: none was cut.
	sent, settled chan struct{}
}

// isSettled reports whether nothing can be overtaken by this snapshot.
func (w *snapshot) isSettled() bool {
	if w.settled == nil {
		return true
	}
	select {
	case <-w.settled:
		return true
	default:
		return false
	}
}

// Route returns a route to nodes, each of which is given once.
func (m *Multicast) Route(nodes []transport.PeerID) *Route {
	m.mu.Lock()
	defer m.mu.Unlock()
	tree, _ := Tree(nil).Grow(nodes, m.host.Reachable)
	r := &Route{multicast: m, snapshot: &snapshot{tree: tree, direct: tree.Leafless(), users: new(sync.WaitGroup)}}
	m.note(r)
	return r
}

// Move leads the route to other nodes.
func (r *Route) Move(nodes []transport.PeerID) {
	r.multicast.mu.Lock()
	defer r.multicast.mu.Unlock()
	r.multicast.grow(r, nodes)
}

// Tree returns how messages get to the nodes now.
func (r *Route) Tree() Tree {
	r.multicast.mu.Lock()
	defer r.multicast.mu.Unlock()
	return r.snapshot.tree
}

// Close forgets a route.
func (r *Route) Close() {
	r.multicast.mu.Lock()
	defer r.multicast.mu.Unlock()
	delete(r.multicast.indirect, r)
}

// LinkLost leads routes around a node.
func (m *Multicast) LinkLost(id transport.PeerID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for r := range m.indirect {
		if r.snapshot.tree.leads(id) {
			m.grow(r, r.snapshot.tree.nodes())
		}
	}
}

// grow replaces the snapshot of a route. The lock is held.
func (m *Multicast) grow(r *Route, nodes []transport.PeerID) {
	old := *r.snapshot
	tree, cut := old.tree.Grow(nodes, m.host.Reachable)
	r.snapshot = &snapshot{
		tree: tree, direct: old.direct && tree.Leafless(),
		users: old.users, sent: old.sent, settled: old.settled,
	}
	m.note(r)
	if len(cut) == 0 || m.ctx.Err() != nil {
		return
	}
	r.snapshot.users = new(sync.WaitGroup)
	sent, settled := make(chan struct{}), make(chan struct{})
	r.snapshot.sent, r.snapshot.settled = sent, settled
	m.work.Go(func() {
		defer close(settled)
		old.users.Wait()
		await(old.sent)
		close(sent)
		m.settle(cut)
		await(old.settled)
	})
}

// await waits for a channel to be closed, if there is one.
func await(done <-chan struct{}) {
	if done != nil {
		<-done
	}
}

// note remembers whether a route leads over other nodes. The lock is held.
func (m *Multicast) note(r *Route) {
	if r.snapshot.tree.Leafless() {
		delete(m.indirect, r)
	} else {
		m.indirect[r] = struct{}{}
	}
}

// settle waits until all that was sent by branches that were cut has arrived, for
// Patience at most, as far as there still is a link to ask.
func (m *Multicast) settle(cut []Branch) {
	ctx, cancel := context.WithTimeout(m.ctx, Patience)
	defer cancel()
	var passing sync.WaitGroup
	for _, b := range cut {
		if link, ok := m.host.Link(b.Node); ok {
			for lane := range m.lanes {
				passing.Go(func() { m.markers.send(ctx, link, uint64(lane), b.Leaves) })
			}
		}
	}
	passing.Wait()
}

// use returns the snapshot to send by, after what was sent by others has arrived or Patience has
// passed. Who does not wait for that gets false where it would. The snapshot is nil if there is
// nobody to send to; else snapshot.users.Done has to follow.
func (r *Route) use(wait bool) (w *snapshot, ok bool) {
	m := r.multicast
	m.mu.Lock()
	defer m.mu.Unlock()
	if !r.snapshot.isSettled() {
		if !wait {
			return nil, false
		}
		r.awaitSettled()
	}
	if len(r.snapshot.tree) == 0 {
		return nil, true
	}
	r.snapshot.users.Add(1)
	return r.snapshot, true
}

// awaitSettled waits until the snapshot is settled, those too that replace it meanwhile,
// for Patience at most. The lock is held, and released meanwhile.
func (r *Route) awaitSettled() {
	m := r.multicast
	ctx, cancel := context.WithTimeout(m.ctx, Patience)
	defer cancel()
	for ctx.Err() == nil && !r.snapshot.isSettled() {
		settled := r.snapshot.settled
		m.mu.Unlock()
		select {
		case <-settled:
		case <-ctx.Done():
		}
		m.mu.Lock()
	}
}
