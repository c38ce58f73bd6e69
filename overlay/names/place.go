package names

import (
	"errors"
	"slices"
	"time"

	"github.com/project-iris/iris/overlay/balance"
	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/transport"
)

const (
	// maxPlaceBytes is how many bytes the names may have together that members of this node
	// send to and that are looked up; how many there may be is [Config].Asked. Those for which
	// nothing waits make room for new ones.
	maxPlaceBytes = 16 << 20
	// evictions is how many places are looked at to find one that can go.
	evictions = 64
)

var errPlaceBytes = errors.New("names that are asked or sent to take all of their 16 MiB at this node")

// Place is where else a name is served, as far as the directory has told.
type Place struct {
	names   *Names
	payer   *account // of the member that it was made for
	key     Name
	size    int                                 // bytes of the full name
	nodes   []transport.PeerID                  // never changed in place
	cost    map[transport.PeerID]*balance.Gauge // of those that were picked
	known   bool                                // enough was heard to tell
	renamed bool                                // it is known under another name, and enough was not heard yet under this one
	used    bool                                // since the last sweep
	curious []any                               // who waits to know
	route   Route                               // nil until something is sent to all nodes
	owner   owner
}

// owner is what has a place: a cluster or a topic.
type owner interface {
	// moved says that the nodes have changed, and returns who can go on.
	moved(now time.Time, n *Names) Resumed
	// forget says that the name is looked up no longer.
	forget(n *Names)
	// needed reports whether somebody waits for the name to be served.
	needed() bool
}

func (c *cluster) moved(now time.Time, n *Names) Resumed {
	if len(c.place.nodes) == 0 {
		return Resumed{Requests: n.takeImpatient(c)}
	}
	c.retry = retry{}
	return Resumed{Waiters: c.wake(), Requests: n.again(now, c)}
}

func (c *cluster) forget(n *Names) {
	c.place = nil
	n.tidy(c)
}

func (c *cluster) needed() bool { return !c.idle() }

func (t *topic) moved(time.Time, *Names) Resumed { return Resumed{} }

func (t *topic) forget(n *Names) {
	t.place = nil
	n.tidyTopic(t)
}

func (t *topic) needed() bool { return false }

// ToMembers returns where else a cluster has members, for one who sends to all of them. It
// returns nil if this node is alone, or too many names are looked up.
func (n *Names) ToMembers(owner Member, name []byte) *Place {
	if n.alone() {
		return nil
	}
	c := n.sought(owner, name)
	n.tidy(c)
	return c.place.use()
}

// ToSubscribers returns where else a topic has subscribers, as ToMembers does.
func (n *Names) ToSubscribers(owner Member, name []byte) *Place {
	if n.alone() {
		return nil
	}
	t := n.topics[string(name)]
	if t == nil || t.place == nil {
		t = n.topic(string(name))
		t.place = n.newPlace(owner, n.config.Hasher.Topic(name), len(name), t)
		n.tidyTopic(t)
	}
	return t.place.use()
}

// use notes that a place is used.
func (p *Place) use() *Place {
	if p != nil {
		p.used = true
	}
	return p
}

// Known reports whether enough was heard about the name to tell where it is served.
func (p *Place) Known() bool { return p.known }

// AwaitKnown lets somebody wait until that is so: it is among those that [Resumed] has then.
// StopAwaiting ends that.
func (p *Place) AwaitKnown(who any) { p.curious = append(p.curious, who) }

// StopAwaiting says that somebody waits to know no more. To say it twice is fine.
func (p *Place) StopAwaiting(who any) {
	p.curious = slices.DeleteFunc(p.curious, func(other any) bool { return other == who })
}

// Route returns the route to the nodes, which follows them.
func (p *Place) Route() Route {
	if p.route == nil {
		p.route = p.names.config.Route(p.nodes)
	}
	return p.route
}

// needed reports whether somebody waits for what is known of the place.
func (p *Place) needed() bool { return len(p.curious) > 0 || p.owner.needed() }

// newPlace begins to look a name up for a member. It returns nil if too many names are looked
// up, for all or for that member.
func (n *Names) newPlace(member Member, key Name, size int, o owner) *Place {
	payer := n.asking(member)
	for tried := false; ; {
		err, last := errPlaceBytes, false
		if n.placeBytes+size <= maxPlaceBytes {
			last, err = payer.payPlace(size)
		}
		if err == nil {
			break
		}
		if tried && last || !n.evict() {
			n.placesFull++
			n.refusal = err
			return nil
		}
		tried = last
	}
	p := &Place{names: n, payer: payer, key: key, size: size, used: true, owner: o}
	n.places[key] = p
	n.placeBytes += size
	n.touched[key] = struct{}{}
	return p
}

// payPlace has a member pay for a place. It reports whether it was memory that it did not get: to
// give up many other places would make little room.
func (a *account) payPlace(size int) (memory bool, err error) {
	if err := a.asking.Take(1); err != nil {
		return false, err
	}
	if err := a.memory.Take(placeMemory + int64(size)); err != nil {
		a.asking.Give(1)
		return true, err
	}
	return false, nil
}

// evict gives up a place that nothing waits for, one that was not used lately if it finds
// one. It reports whether there was any among those that it has looked at, which are any,
// as the order of maps is.
func (n *Names) evict() bool {
	var found *Place
	looked := 0
	for _, p := range n.places {
		if !p.needed() {
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
		n.drop(found)
	}
	return found != nil
}

// drop stops to look a name up.
func (n *Names) drop(p *Place) {
	if p.route != nil {
		p.route.Close()
	}
	delete(n.places, p.key)
	n.placeBytes -= p.size
	p.payer.asking.Give(1)
	p.payer.memory.Give(placeMemory + int64(p.size))
	n.touched[p.key] = struct{}{}
	p.owner.forget(n)
}

// Sweep stops to look up what nobody has used since the last sweep, and nobody waits for.
func (n *Names) Sweep() {
	for _, p := range n.places {
		if !p.used && !p.needed() {
			n.drop(p)
		}
		p.used = false
	}
}

// Changed takes over what the directory knows about a name.
func (n *Names) Changed(now time.Time, c directory.Changed) (resumed Resumed) {
	p := n.places[c.Name]
	if p == nil {
		return Resumed{}
	}
	if p.renamed && p.known && !c.Known {
		return Resumed{} // what is known is more
	}
	p.renamed = false
	p.move(c.Nodes)
	if c.Known && !p.known {
		p.known = true
		resumed.Waiters, p.curious = p.curious, nil
	}
	resumed.Add(p.owner.moved(now, n))
	return resumed
}

// move notes where the name is served now. What was measured of those that serve it no more
// is forgotten.
func (p *Place) move(nodes []transport.PeerID) {
	p.nodes = nodes
	if p.route != nil {
		p.route.Move(nodes)
	}
	for id := range p.cost {
		if !slices.Contains(nodes, id) {
			delete(p.cost, id)
		}
	}
}

// gauge returns what measures a node of the place.
func (p *Place) gauge(id transport.PeerID) *balance.Gauge {
	g := p.cost[id]
	if g == nil {
		g = new(balance.Gauge)
		if p.cost == nil {
			p.cost = make(map[transport.PeerID]*balance.Gauge)
		}
		p.cost[id] = g
	}
	return g
}
