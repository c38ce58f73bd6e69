package overlay

import (
	"slices"
	"time"

	"github.com/project-iris/iris/overlay/balance"
	"github.com/project-iris/iris/overlay/directory"
)

const (
	// maxPlaces is how many names that members of this node send to are looked up at a
	// time, and maxPlaceBytes how many bytes they may have together. Those for which
	// nothing waits make room for new ones.
	maxPlaces     = 1 << 16
	maxPlaceBytes = 16 << 20
	// evictions is how many places are looked at to find one that can go.
	evictions = 64
	// placeSweep is how often names that nobody has sent to since the last time are
	// given up.
	placeSweep = time.Minute
)

// place is where else a name is served, as far as the directory has told. Overlay.mu
// guards it.
type place struct {
	key   directory.Name
	size  int                                 // bytes of the full name
	nodes []directory.NodeID                  // never changed in place
	cost  map[directory.NodeID]*balance.Gauge // of those that were picked
	known bool                                // enough was heard to tell
	used  bool                                // since the last sweep
	ready chan struct{}                       // closed when known for the first time
	ways  *ways                               // nil until something is sent to all nodes
	owner placed
}

// placed is what has a place: a cluster or a topic. Overlay.mu is held when its methods
// are called.
type placed interface {
	// moved says that the nodes have changed, and returns the requests that can go on.
	moved(o *Overlay) []*heldRequest
	// forget says that the name is looked up no longer.
	forget(o *Overlay)
	// needed reports whether somebody waits for the name to be served.
	needed() bool
}

func (c *cluster) moved(o *Overlay) []*heldRequest {
	if len(c.away.nodes) == 0 {
		return nil
	}
	c.retry = retry{}
	c.wake()
	return o.again(c)
}

func (c *cluster) forget(o *Overlay) {
	c.away = nil
	o.tidy(c)
}

func (t *topic) moved(*Overlay) []*heldRequest { return nil }

func (t *topic) forget(o *Overlay) {
	t.away = nil
	o.tidyTopic(t)
}

// lookUp begins to look a cluster up, if there is a network. Overlay.mu is held.
func (o *Overlay) lookUp(c *cluster) {
	if o.net != nil && c.away == nil {
		c.away = o.newPlace(o.net.hasher.Cluster([]byte(c.name)), len(c.name), c)
	}
}

// served tells the directory whether this node has members of a cluster. Overlay.mu is
// held.
func (o *Overlay) served(c *cluster) {
	if o.net != nil {
		o.register(o.net.hasher.Cluster([]byte(c.name)), len(c.members) > 0)
	}
}

// subscribed tells the directory whether this node has subscribers of a topic.
// Overlay.mu is held.
func (o *Overlay) subscribed(t *topic) {
	if o.net != nil {
		o.register(o.net.hasher.Topic([]byte(t.name)), len(t.members) > 0)
	}
}

func (o *Overlay) register(key directory.Name, serves bool) {
	if _, registered := o.registered[key]; registered == serves {
		return
	}
	if serves {
		o.registered[key] = struct{}{}
	} else {
		delete(o.registered, key)
	}
	o.net.touch(key)
}

// sweepPlaces stops to look up what nobody has used since the last sweep.
func (o *Overlay) sweepPlaces() {
	o.filter.Sweep()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.places {
		if p.idle() && !p.owner.needed() {
			o.dropPlace(p)
		}
	}
}

func (c *cluster) needed() bool { return c.held.Len() > 0 || c.waiting > 0 }
func (t *topic) needed() bool   { return false }

// newPlace begins to look a name up. Overlay.mu is held. It returns nil if too many
// names are looked up.
func (o *Overlay) newPlace(key directory.Name, size int, owner placed) *place {
	for len(o.places) >= maxPlaces || o.placeBytes+size > maxPlaceBytes {
		if !o.evict() {
			o.counters.placesFull.Add(1)
			return nil
		}
	}
	p := &place{key: key, size: size, used: true, ready: make(chan struct{}), owner: owner}
	o.places[key] = p
	o.placeBytes += size
	o.net.touch(key)
	return p
}

// evict gives up a place that nothing waits for, one that was not used lately if it
// finds one. Overlay.mu is held. It reports whether there was any among those that it
// has looked at, which are any, as the order of maps is.
func (o *Overlay) evict() bool {
	var found *place
	looked := 0
	for _, p := range o.places {
		if !p.owner.needed() {
			found = p
			if !p.used {
				break
			}
		}
		if looked++; looked == evictions {
			break
		}
	}
	if found != nil {
		o.dropPlace(found)
	}
	return found != nil
}

// gauge returns what measures a node of the place. Overlay.mu is held.
func (p *place) gauge(id directory.NodeID) *balance.Gauge {
	g := p.cost[id]
	if g == nil {
		g = new(balance.Gauge)
		if p.cost == nil {
			p.cost = make(map[directory.NodeID]*balance.Gauge)
		}
		p.cost[id] = g
	}
	return g
}

// move notes where the name is served now. What was measured of those that serve it no
// more is forgotten. Overlay.mu is held.
func (o *Overlay) move(p *place, nodes []directory.NodeID, known bool) {
	p.nodes, p.known = nodes, known
	o.regrow(p)
	for id := range p.cost {
		if !slices.Contains(nodes, id) {
			delete(p.cost, id)
		}
	}
}

// dropPlace stops to look a name up. Overlay.mu is held.
func (o *Overlay) dropPlace(p *place) {
	delete(o.places, p.key)
	delete(o.branching, p)
	o.placeBytes -= p.size
	o.net.touch(p.key)
	p.settle()
	p.owner.forget(o)
}

// settle lets those go on who wait to know.
func (p *place) settle() {
	select {
	case <-p.ready:
	default:
		close(p.ready)
	}
}

// idle notes whether a place was used since it was last asked.
func (p *place) idle() bool {
	used := p.used
	p.used = false
	return !used
}
