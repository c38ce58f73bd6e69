package multicast

import (
	"context"
	"sync"
)

// Route is how messages for one name get to the nodes that want them. Whoever drops it
// calls Close.
type Route struct {
	multicast *Multicast
	ways      *ways // replaced, not changed; guarded by Multicast.mu
}

// ways are a route as it is, until the nodes change or a link on the way is lost.
type ways struct {
	tree Tree
	// direct says that no message of the route was ever forwarded, so that none can be
	// overtaken.
	direct bool
	// settled is closed when what took the ways before has arrived, or nobody can say
	// so. Nil: no way has changed.
	settled chan struct{}
	// users are those who send by these ways. None is added after they were replaced:
	// Multicast.mu is held for both.
	users sync.WaitGroup
}

// Route returns a route to nodes, each of which is given once.
func (m *Multicast) Route(nodes []NodeID) *Route {
	m.mu.Lock()
	defer m.mu.Unlock()
	tree, _ := Tree(nil).Grow(nodes, m.host.Linked)
	r := &Route{multicast: m, ways: &ways{tree: tree, direct: tree.Leafless()}}
	m.note(r)
	return r
}

// Move leads the route to other nodes.
func (r *Route) Move(nodes []NodeID) {
	r.multicast.mu.Lock()
	defer r.multicast.mu.Unlock()
	r.multicast.grow(r, nodes)
}

// Tree returns how messages get to the nodes now.
func (r *Route) Tree() Tree {
	r.multicast.mu.Lock()
	defer r.multicast.mu.Unlock()
	return r.ways.tree
}

// Close forgets a route.
func (r *Route) Close() {
	r.multicast.mu.Lock()
	defer r.multicast.mu.Unlock()
	delete(r.multicast.indirect, r)
}

// LinkLost finds other ways for what went over a node.
func (m *Multicast) LinkLost(id NodeID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for r := range m.indirect {
		if r.ways.tree.leads(id) {
			m.grow(r, r.ways.tree.nodes())
		}
	}
}

// grow replaces the ways of a route. The lock is held.
func (m *Multicast) grow(r *Route, nodes []NodeID) {
	old := r.ways
	tree, cut := old.tree.Grow(nodes, m.host.Linked)
	r.ways = &ways{tree: tree, direct: old.direct && tree.Leafless(), settled: old.settled}
	m.note(r)
	if len(cut) > 0 && m.ctx.Err() == nil {
		settled := make(chan struct{})
		r.ways.settled = settled
		m.work.Go(func() {
			defer close(settled)
			m.settle(old, cut)
		})
	}
}

// note remembers whether a route leads over other nodes. The lock is held.
func (m *Multicast) note(r *Route) {
	if r.ways.tree.Leafless() {
		delete(m.indirect, r)
	} else {
		m.indirect[r] = struct{}{}
	}
}

// settle waits until all that went by branches that were cut has arrived, as far as there
// still is a link to ask.
func (m *Multicast) settle(before *ways, cut []Branch) {
	before.users.Wait()
	if before.settled != nil {
		<-before.settled
	}
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

// use returns the ways to send by, after what took others has arrived or Patience has
// passed. It returns nil if there is nobody to send to; else ways.users.Done has to follow.
func (r *Route) use() *ways {
	m := r.multicast
	m.mu.Lock()
	defer m.mu.Unlock()
	if settled := r.ways.settled; settled != nil {
		m.await(settled)
	}
	if len(r.ways.tree) == 0 {
		return nil
	}
	r.ways.users.Add(1)
	return r.ways
}

// await waits for a channel to be closed, for Patience at most. The lock is held, and
// released meanwhile.
func (m *Multicast) await(done <-chan struct{}) {
	select {
	case <-done:
		return
	default:
	}
	m.mu.Unlock()
	defer m.mu.Lock()
	ctx, cancel := context.WithTimeout(m.ctx, Patience)
	defer cancel()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
