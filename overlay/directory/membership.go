package directory

import (
	"slices"
	"time"
)

func (e Membership) apply(d *Directory) {
	members := e.Members
	if epoch, ok := members.Epoch(d.me.id); !ok || epoch != d.me.epoch {
		members = members.With(d.me.id, d.me.epoch)
	}
	if members == d.members {
		return
	}
	up, down := members.difference(d.members)
	for _, m := range down {
		d.depart(m)
	}
	d.members = members
	d.adjustSpread()
	d.adjustFar()
	if d.far {
		d.reelect(up)
		d.reconsider(up, down)
	}
	for _, m := range up {
		d.arrive(m)
	}
}

// depart forgets a node that is a member no longer.
func (d *Directory) depart(m Member) {
	p := d.peers[m.ID]
	if p == nil {
		return
	}
	d.forget(p)
	for rec := range p.duties {
		rec.owners = slices.DeleteFunc(rec.owners, func(o owner) bool { return o.peer == p })
	}
	d.disarm(p)
	delete(d.peers, p.id)
	d.excuse(p)
	d.departed.put(p.id, memory{epoch: p.epoch, heard: p.in.floor, told: p.out.last})
}

// arrive greets a node that has become a member. What it has said to this node and is
// not known here, it is asked to say again, unless it has done so by itself. And what
// it was told before may hold no longer, even if there is nothing to be told now: it
// need not have noticed that it was away.
func (d *Directory) arrive(m Member) {
	if m.ID == d.me.id {
		return
	}
	before, early := d.departed.take(m.ID, m.Epoch), d.early.take(m.ID, m.Epoch)
	if before != (memory{}) {
		p := d.peer(m.ID)
		p.in.floor = before.heard
		p.out.last, p.out.wanted = before.told, p.out.wanted || before.told != 0
		d.touch(p)
	}
	if heard := max(before.heard, early.heard); heard > 0 {
		d.askAnew(d.peer(m.ID), heard)
	}
	if d.spread && d.registered > 0 {
		d.greet(d.peer(m.ID))
	}
}

// slack is by how many members the views of two nodes may differ around
// Config.Everywhere without one looking where the other has not registered.
func (d *Directory) slack() int { return d.config.Everywhere / 4 }

// adjustSpread decides whether everybody is told what this node registers. Those
// that were, are for a while longer.
func (d *Directory) adjustSpread() {
	spread := d.members.Len() <= d.config.Everywhere+d.slack()
	if spread == d.spread {
		return
	}
	d.spread = spread
	for _, p := range d.peers {
		p.until = time.Time{}
		if !spread && p.out.last != 0 {
			p.until = d.now.Add(d.config.Linger)
			d.touch(p)
		}
	}
	if !spread {
		return
	}
	for _, rec := range d.local {
		if rec.registered {
			d.announce(rec)
		}
	}
}

// withdraw ends that a peer is told all that this node registers.
func (d *Directory) withdraw(p *peer) {
	for name, rec := range d.local {
		if rec.registered && rec.owner(p.id) == nil {
			d.tell(p, item{kind: itemRegistration, name: name})
		}
	}
	p.until = time.Time{}
}

// adjustFar decides whether what others register is asked of owners. When that
// ends, it still is for a while.
func (d *Directory) adjustFar() {
	far := d.members.Len() > d.config.Everywhere
	switch {
	case far && !d.far:
		d.far = true
		for _, rec := range d.local {
			d.elect(rec)
		}
		fallthrough
	case far:
		d.farUntil = time.Time{}
	case d.far && d.farUntil.IsZero():
		d.farUntil = d.now.Add(d.config.Linger)
		d.sweepBy(d.farUntil)
	}
}

// reconsider notes the watched names for which it matters who came and went.
func (d *Directory) reconsider(up, down []Member) {
	for _, rec := range d.local {
		if rec.watched && (rec.lists(down) || rec.claimed(up)) {
			d.changed[rec] = struct{}{}
		}
	}
}

// lists reports whether one of the members is among the nodes of the name.
func (rec *record) lists(members []Member) bool {
	return slices.ContainsFunc(members, func(m Member) bool {
		_, found := slices.BinarySearchFunc(rec.nodes, m.ID, compareNodes)
		return found
	})
}

// claimed reports whether an owner names one of the members.
func (rec *record) claimed(members []Member) bool {
	return slices.ContainsFunc(members, func(m Member) bool {
		return slices.ContainsFunc(rec.owners, func(o owner) bool { return o.has(m.ID) })
	})
}
