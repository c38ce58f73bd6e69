package directory

import "time"

// sweepBy makes a sweep happen soon after a time.
func (d *Directory) sweepBy(at time.Time) {
	if earliest := d.sweptAt.Add(sweepEvery); at.Before(earliest) {
		at = earliest
	}
	if d.sweepAt.IsZero() || at.Before(d.sweepAt) {
		d.sweepAt = at
	}
}

// sweep looks at all local names: former owners whose time has come are dropped, and
// how far owners are trusted is judged anew.
func (d *Directory) sweep() {
	d.sweepAt, d.sweptAt = time.Time{}, d.now
	if due(d.farUntil, d.now) {
		d.far, d.farUntil = false, time.Time{}
	} else if !d.farUntil.IsZero() {
		d.sweepBy(d.farUntil)
	}
	for _, rec := range d.local {
		d.sweepRecord(rec)
		if rec.watched {
			d.changed[rec] = struct{}{}
		}
	}
}

// sweepRecord drops the owners of a name that are not needed any more.
func (d *Directory) sweepRecord(rec *record) {
	kept := rec.owners[:0]
	for i := range rec.owners {
		o := rec.owners[i]
		if d.far && !due(o.until, d.now) {
			d.sweepOwner(&o)
			kept = append(kept, o)
			continue
		}
		d.retire(rec, &o)
	}
	clear(rec.owners[len(kept):])
	rec.owners = kept
}

// sweepOwner judges how far an owner is trusted, and when to look again.
func (d *Directory) sweepOwner(o *owner) {
	if o.former() {
		d.sweepBy(o.until)
	}
	if o.since.IsZero() || o.settled {
		return
	}
	settles := o.since.Add(d.config.Linger)
	if o.settled = due(settles, d.now); !o.settled {
		d.sweepBy(settles)
	}
}

// retire releases an owner, and tells it that what it was told holds no longer.
func (d *Directory) retire(rec *record, o *owner) {
	if o.peer == nil {
		return
	}
	if rec.registered {
		d.tell(o.peer, item{kind: itemRegistration, name: rec.name})
	}
	if rec.watched {
		d.tell(o.peer, item{kind: itemWatch, name: rec.name})
	}
	d.release(rec, o)
}
