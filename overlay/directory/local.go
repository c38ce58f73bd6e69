package directory

// apply tells the owners, or everybody.
func (e Register) apply(d *Directory) {
	rec := d.record(e.Name)
	if rec.registered {
		return
	}
	d.adopt(rec)
	rec.registered = true
	d.registered++
	rec.registrants.add(d.me)
	d.announce(rec)
	d.tellWatchers(rec, d.me)
}

func (e Unregister) apply(d *Directory) {
	rec := d.names[e.Name]
	if rec == nil || !rec.registered {
		return
	}
	d.announce(rec) // to those who were told, before they stop to count
	rec.registered = false
	d.registered--
	rec.registrants.remove(d.me)
	d.tellWatchers(rec, d.me)
	d.abandon(rec)
}

func (e Watch) apply(d *Directory) {
	rec := d.record(e.Name)
	if rec.watched {
		return
	}
	d.adopt(rec)
	rec.watched = true
	d.inquire(rec)
	d.changed[rec] = struct{}{}
}

func (e Unwatch) apply(d *Directory) {
	rec := d.names[e.Name]
	if rec == nil || !rec.watched {
		return
	}
	d.inquire(rec)
	for i := range rec.owners {
		if p := rec.owners[i].peer; p != nil {
			d.silence(p, rec)
		}
	}
	rec.watched, rec.nodes, rec.known = false, nil, false
	d.abandon(rec)
}

// adopt makes a record local.
func (d *Directory) adopt(rec *record) {
	if rec.local() {
		return
	}
	d.local[rec.name] = rec
	if d.far {
		d.elect(rec)
	}
}

// abandon ends that, if the record is local no longer.
func (d *Directory) abandon(rec *record) {
	if rec.local() {
		return
	}
	delete(d.local, rec.name)
	d.dismiss(rec)
	d.tidy(rec)
}

// announce tells those that should know whether this node registers a name.
func (d *Directory) announce(rec *record) {
	i := item{kind: itemRegistration, name: rec.name}
	if d.spread {
		for m := range d.members.All() {
			if m.ID != d.me.id {
				d.tell(d.peer(m.ID), i)
			}
		}
		return
	}
	for n := range rec.owners {
		if p := rec.owners[n].peer; p != nil {
			d.tell(p, i)
		}
	}
	for _, p := range d.peers {
		if !p.until.IsZero() {
			d.tell(p, i)
		}
	}
}

// inquire tells the owners whether this node watches a name.
func (d *Directory) inquire(rec *record) {
	for n := range rec.owners {
		if p := rec.owners[n].peer; p != nil {
			d.tell(p, item{kind: itemWatch, name: rec.name})
		}
	}
}

// tellWatchers tells those that watch a name here that a registrant has come or gone.
func (d *Directory) tellWatchers(rec *record, registrant *peer) {
	for _, p := range rec.watchers {
		if p != registrant {
			d.tell(p, item{kind: itemNode, name: rec.name, node: registrant.id})
			d.relay(p, registrant)
		}
	}
}
