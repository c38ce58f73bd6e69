package directory

import (
	"cmp"
	"slices"
	"time"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// sendable reports whether a peer can be sent an update once its time has come.
func (d *Directory) sendable(p *peer) bool {
	return p.out.wanted || p.out.pending() && len(p.out.inFlight) < window
}

// sendAt returns the earliest time of the next update for a peer.
func (d *Directory) sendAt(p *peer) time.Time {
	if p.out.wanted && p.out.last != 0 {
		return later(p.out.flushAt, p.out.resetAt.Add(resetEvery))
	}
	if p.out.flushAt.IsZero() {
		return d.now
	}
	return p.out.flushAt
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// flush sends a peer what has changed for it, as far as it takes it.
func (d *Directory) flush(p *peer) {
	out := &p.out
	if out.last == 0 && out.wanted && !d.alive(p) {
		out.wanted = false
	}
	if !d.sendable(p) || d.sendAt(p).After(d.now) {
		return
	}
	if out.wanted {
		d.restart(p)
	}
	items := out.sorted()
	for (len(items) > 0 || out.starting || out.completing) && len(out.inFlight) < window {
		items = d.sendUpdate(p, items)
	}
	d.pay(out)
}

// pay sets the earliest time of the next update, by the generic cell rate algorithm
// (ITU-T I.371, annex A): one each Config.Coalesce, and a burst at once.
func (d *Directory) pay(out *outgoing) {
	out.paidUntil = later(out.paidUntil, d.now).Add(d.config.Coalesce)
	out.flushAt = later(d.now.Add(gather), out.paidUntil.Add(-burst*d.config.Coalesce))
}

// restart makes everything that a peer has to know something that has changed.
func (d *Directory) restart(p *peer) {
	out := &p.out
	d.stats.Resets++
	out.wanted, out.starting, out.completing = false, true, true
	out.inFlight, out.retries, out.retryAt = nil, 0, time.Time{}
	out.resetAt = d.now
	out.dirty = make(map[item]struct{})
	out.unstamp()
	if d.spread || !p.until.IsZero() {
		for name, rec := range d.local {
			if rec.registered {
				out.dirty[item{kind: itemRegistration, name: name}] = struct{}{}
			}
		}
	}
	for rec := range p.duties {
		if rec.registered {
			out.dirty[item{kind: itemRegistration, name: rec.name}] = struct{}{}
		}
		if rec.watched {
			out.dirty[item{kind: itemWatch, name: rec.name}] = struct{}{}
		}
	}
	for rec := range p.in.watching {
		out.dirty[item{kind: itemWhole, name: rec.name}] = struct{}{}
	}
}

// sorted returns what has changed: registrations, watches, then answers, name by
// name.
func (out *outgoing) sorted() []item {
	items := make([]item, 0, len(out.dirty))
	for i := range out.dirty {
		items = append(items, i)
	}
	slices.SortFunc(items, func(a, b item) int {
		return cmp.Or(
			cmp.Compare(min(a.kind, itemNode), min(b.kind, itemNode)),
			compareNames(a.name, b.name),
			cmp.Compare(a.kind, b.kind),
			compareNodes(a.node, b.node),
		)
	})
	return items
}

// sendUpdate sends as many of the changes as one update holds, and returns the rest.
func (d *Directory) sendUpdate(p *peer, items []item) []item {
	out := &p.out
	d.sequence++
	m := &wire.Update{Epoch: d.me.epoch, Previous: out.last, Sequence: d.sequence}
	if out.starting {
		m.Reset, m.Previous, out.resetFrom, out.starting = true, 0, m.Sequence, false
	}
	room := wire.DirectoryLimit - wire.UpdateOverhead
	for len(items) > 0 {
		more := d.add(m, p, items[0], &room)
		if more != items[0] {
			delete(out.dirty, items[0])
			items = items[1:]
		}
		if more != (item{}) {
			if len(items) == 0 || more != items[0] {
				out.dirty[more] = struct{}{}
				items = slices.Insert(items, 0, more)
			}
			break
		}
	}
	if len(items) == 0 && out.completing {
		m.Complete, out.completing = true, false
	}
	out.last = m.Sequence
	out.inFlight = append(out.inFlight, m.Sequence)
	if len(out.inFlight) == 1 {
		out.retryAt = d.now.Add(d.config.Retry)
	}
	out.digestAt = d.renewAt()
	d.stats.Updates++
	d.actions = append(d.actions, Send{p.id, m})
	return items
}

// add adds what holds of an item to an update, if there is room. It returns what has
// to come in a later update: the item itself, a part of it, or the zero item.
func (d *Directory) add(m *wire.Update, p *peer, i item, room *int) (more item) {
	need := wire.NameBytes
	if i.kind >= itemNode {
		need = wire.AnswerBytes + wire.AddedBytes
	}
	if *room < need {
		return i
	}
	rec := d.names[i.name]
	switch i.kind {
	case itemRegistration:
		*room -= wire.NameBytes
		add(rec != nil && rec.registered && d.tells(p, rec), i.name, &m.Registered, &m.Unregistered)
	case itemWatch:
		*room -= wire.NameBytes
		add(rec != nil && rec.watched && rec.owner(p.id) != nil, i.name, &m.Watched, &m.Unwatched)
	case itemNode:
		if rec == nil || !rec.watchers.has(p.id) {
			return item{}
		}
		d.addNode(answer(m, i.name, room), rec, i.node, room)
	case itemWhole:
		if rec == nil || !rec.watchers.has(p.id) {
			return item{}
		}
		return addWhole(answer(m, i.name, room), p, rec, i, room)
	}
	return item{}
}

func add(holds bool, name Name, yes, no *[]Name) {
	if holds {
		*yes = append(*yes, name)
	} else {
		*no = append(*no, name)
	}
}

// tells reports whether a peer is to know that this node registers a name.
func (d *Directory) tells(p *peer, rec *record) bool {
	return d.spread || !p.until.IsZero() || rec.owner(p.id) != nil
}

// answer returns the answer about a name in an update.
func answer(m *wire.Update, name Name, room *int) *wire.Answer {
	if n := len(m.Answers); n > 0 && m.Answers[n-1].Name == name {
		return &m.Answers[n-1]
	}
	*room -= wire.AnswerBytes
	m.Answers = append(m.Answers, wire.Answer{Name: name})
	return &m.Answers[len(m.Answers)-1]
}

// addNode adds whether a node registers a name here.
func (d *Directory) addNode(a *wire.Answer, rec *record, id transport.PeerID, room *int) {
	at, found := rec.registrants.find(id)
	if !found {
		*room -= wire.RemovedBytes
		a.Removed = append(a.Removed, id)
		return
	}
	*room -= wire.AddedBytes
	a.Added = append(a.Added, wire.Registrant{Node: id, Epoch: rec.registrants[at].epoch})
}

// addWhole adds the nodes behind i.node that register a name here, as many as there
// is room for, and returns what is left.
func addWhole(a *wire.Answer, to *peer, rec *record, i item, room *int) (more item) {
	a.Anew = a.Anew || i.node == transport.PeerID{}
	at, found := rec.registrants.find(i.node)
	if found {
		at++
	}
	for _, r := range rec.registrants[at:] {
		if *room < wire.AddedBytes {
			return i
		}
		i.node = r.id
		if r != to {
			*room -= wire.AddedBytes
			a.Added = append(a.Added, wire.Registrant{Node: r.id, Epoch: r.epoch})
		}
	}
	a.Current = true
	return item{}
}

// renew reminds a peer of what it was told: when it does not acknowledge it, and
// else as the lease demands. A stream that has nothing left to say ends.
func (d *Directory) renew(p *peer) {
	out := &p.out
	switch waits := out.unanswered(); {
	case waits && due(out.retryAt, d.now):
		d.excuse(p)
		out.retryAt = d.now.Add(min(d.config.Retry<<min(out.retries, 5), 30*d.config.Retry))
		out.retries++
		d.sendDigest(p, true)
	case waits || out.last == 0 || out.pending():
	case !d.alive(p):
		d.excuse(p)
		*out = outgoing{flushAt: out.flushAt, paidUntil: out.paidUntil}
	case due(out.digestAt, d.now):
		d.sendDigest(p, false)
	}
}

func (d *Directory) sendDigest(p *peer, ask bool) {
	p.out.digestAt = d.renewAt()
	d.stats.Digests++
	d.actions = append(d.actions, Send{p.id, &wire.Digest{Epoch: d.me.epoch, Sequence: p.out.last, Ask: ask}})
}

// renewAt returns when a peer is to hear of this node again: after a quarter to a
// third of the lease, so that two reminders may be lost, and nodes that came up
// together do not all speak together.
func (d *Directory) renewAt() time.Time {
	quarter := d.config.Lease / 4
	return d.now.Add(quarter + time.Duration(d.random.Int64N(int64(d.config.Lease/12)+1)))
}

// ack answers a peer's update or digest.
func (d *Directory) ack(p *peer, have, seen uint64) {
	d.stats.Acks++
	d.actions = append(d.actions, Send{p.id, &wire.Ack{
		Epoch: p.epoch, Have: have, Seen: seen, Unconfirmed: p.in.firstUnconfirmed(),
	}})
}
