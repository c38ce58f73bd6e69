package directory

import (
	"slices"
	"time"

	"github.com/project-iris/iris/transport"
)

// reelect finds the owners anew of the names where they may have changed.
func (d *Directory) reelect(up []Member) {
	for _, rec := range d.local {
		if d.challenged(rec, up) {
			d.elect(rec)
		}
	}
}

// challenged reports whether a name lacks owners, or has one that comes after one of
// the new members.
func (d *Directory) challenged(rec *record, up []Member) bool {
	n := 0
	for n < len(rec.owners) && !rec.owners[n].former() {
		n++
	}
	if n < d.config.Owners {
		return true
	}
	last := rec.owners[n-1].id
	lowest := candidate{last, score(rec.name, last)}
	return slices.ContainsFunc(up, func(m Member) bool {
		c := candidate{m.ID, score(rec.name, m.ID)}
		return c.before(&lowest)
	})
}

// elect finds the owners of a local name. New ones are told at once, old ones stay
// for a while, so that somebody knows all at any time.
func (d *Directory) elect(rec *record) {
	d.ranked = d.members.rank(rec.name, d.config.Owners, d.ranked)
	elected := make([]owner, 0, len(d.ranked)+len(rec.owners))
	for i := range d.ranked {
		elected = append(elected, d.appoint(rec, d.ranked[i].id))
	}
	for _, o := range rec.owners {
		if slices.ContainsFunc(elected, func(e owner) bool { return e.id == o.id }) {
			continue
		}
		if !o.former() {
			o.until = d.now.Add(d.config.Linger)
			d.sweepBy(o.until)
		}
		elected = append(elected, o)
	}
	rec.owners = elected
	d.announceTo(rec)
	d.changed[rec] = struct{}{}
}

// appoint returns what a node is as an owner, with what it has said if it was one.
func (d *Directory) appoint(rec *record, id transport.PeerID) owner {
	if o := rec.owner(id); o != nil {
		kept := *o
		kept.until = time.Time{}
		return kept
	}
	if id == d.me.id {
		return owner{id: id}
	}
	p := d.peer(id)
	if p.duties == nil {
		p.duties = make(map[*record]struct{})
	}
	p.duties[rec] = struct{}{}
	return owner{id: id, peer: p}
}

// announceTo tells owners that were not told yet about a name.
func (d *Directory) announceTo(rec *record) {
	for i := range rec.owners {
		o := &rec.owners[i]
		if o.peer == nil || o.told {
			continue
		}
		o.told = true
		if rec.registered {
			d.tell(o.peer, item{kind: itemRegistration, name: rec.name})
		}
		if rec.watched {
			d.tell(o.peer, item{kind: itemWatch, name: rec.name})
		}
	}
}

// dismiss takes all owners from a record.
func (d *Directory) dismiss(rec *record) {
	for i := range rec.owners {
		d.release(rec, &rec.owners[i])
	}
	rec.owners = nil
}

// release ends that a node is, or was, an owner of a record.
func (d *Directory) release(rec *record, o *owner) {
	if o.peer == nil {
		return
	}
	d.silence(o.peer, rec)
	delete(o.peer.duties, rec)
	d.touch(o.peer)
}
