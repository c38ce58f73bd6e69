package directory

import (
	"slices"
	"time"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

func (e Received) apply(d *Directory) {
	switch m := e.Message.(type) {
	case *wire.Update:
		if p := d.speaker(e.From, m.Epoch, m.Sequence); p != nil {
			d.receiveUpdate(p, m)
		}
	case *wire.Digest:
		if p := d.speaker(e.From, m.Epoch, m.Sequence); p != nil {
			d.receiveDigest(p, m)
		}
	case *wire.Ack:
		d.receiveAck(e.From, m)
	default:
		d.refuse(Foreign)
	}
}

// apply finds out what a peer lost with its link.
func (e Connected) apply(d *Directory) {
	if p := d.peers[e.Peer]; p != nil && p.out.last != 0 && !p.out.pending() {
		d.sendDigest(p, true)
	}
}

// speaker returns the peer that a stream comes from, nil if it has to be ignored.
func (d *Directory) speaker(from transport.PeerID, epoch, sequence uint64) *peer {
	current, member := d.members.Epoch(from)
	switch {
	case from == d.me.id:
		d.refuse(UnknownPeer)
	case !member || epoch > current:
		d.early.put(from, memory{epoch: epoch, heard: sequence})
		d.refuse(UnknownPeer)
	case epoch < current:
		d.refuse(OldEpoch)
	default:
		p := d.peer(from)
		d.touch(p)
		return p
	}
	return nil
}

func (d *Directory) receiveUpdate(p *peer, m *wire.Update) {
	in := &p.in
	switch {
	case m.Sequence <= in.newest():
		d.refuse(Stale)
		return
	case m.Reset:
		in.mark++
		in.sweeping = true
		in.missed, in.askAt = 0, time.Time{}
	case in.have == 0 || m.Previous != in.have:
		d.refuse(Gap)
		d.ack(p, in.have, m.Sequence)
		return
	}
	in.have = m.Sequence
	in.expires = d.now.Add(d.config.Lease)
	d.receiveNames(p, m)
	for i := range m.Answers {
		d.receiveAnswer(p, &m.Answers[i])
	}
	if m.Complete && in.sweeping {
		d.sweepPeer(p)
	}
	d.ack(p, in.have, m.Sequence)
}

func (d *Directory) receiveNames(p *peer, m *wire.Update) {
	// What goes makes room for what comes.
	for _, name := range m.Unregistered {
		if rec := d.names[name]; rec != nil {
			d.dropRegistrant(p, rec)
		}
	}
	for _, name := range m.Unwatched {
		if rec := d.names[name]; rec != nil {
			d.dropWatcher(p, rec)
		}
	}
	for _, name := range m.Registered {
		d.addRegistrant(p, name)
	}
	for _, name := range m.Watched {
		d.addWatcher(p, name)
	}
}

// admits reports whether a peer may have one more name of a kind that it has so many
// of. A peer that is refused is asked again when there is room.
func (d *Directory) admits(p *peer, have int) bool {
	switch {
	case have >= d.config.PeerNames:
		d.refuse(TooManyNames)
	case d.entries >= d.config.Entries:
		d.refuse(Full)
	default:
		return true
	}
	if p.in.askAt.IsZero() {
		p.in.askAt = d.now.Add(askAgain)
	}
	return false
}

// askAnew asks a peer for everything, of which what it has said up to a sequence is not kept. It is
// asked twice more if it does not say it: who was cut off may have a link still that is about to end,
// and what is said over that is lost.
func (d *Directory) askAnew(p *peer, missed uint64) {
	d.touch(p)
	p.in.missed, p.in.asks = missed, 3
	d.ask(p)
}

// ask asks a peer for everything: of which that is not heard yet, or whose names were refused, if there is
// room by now.
func (d *Directory) ask(p *peer) {
	in := &p.in
	switch {
	case in.missed != 0 && in.asks > 0:
		in.asks--
		in.askAt = d.now.Add(askAgain)
		d.ack(p, 0, in.missed)
	case in.missed != 0:
		in.missed, in.askAt = 0, time.Time{} // it has nothing to say
	case in.have == 0:
		in.askAt = time.Time{} // it says everything anew in any case
	case len(in.registered) >= d.config.PeerNames || len(in.watching) >= d.config.PeerNames || d.entries >= d.config.Entries:
		in.askAt = d.now.Add(askAgain)
	default:
		in.askAt = d.now.Add(askAgain) // until it does, as this may be lost
		d.ack(p, 0, in.have)
	}
}

func (d *Directory) addRegistrant(p *peer, name Name) {
	rec := d.names[name]
	if rec != nil {
		if _, found := p.in.registered[rec]; found {
			p.in.registered[rec] = p.in.mark
			return
		}
	}
	if !d.admits(p, len(p.in.registered)) {
		return
	}
	if p.in.registered == nil {
		p.in.registered = make(map[*record]uint32)
	}
	rec = d.record(name)
	p.in.registered[rec] = p.in.mark
	rec.registrants.add(p)
	d.entries++
	d.changed[rec] = struct{}{}
	d.tellWatchers(rec, p)
}

func (d *Directory) dropRegistrant(p *peer, rec *record) {
	if _, found := p.in.registered[rec]; !found {
		return
	}
	delete(p.in.registered, rec)
	rec.registrants.remove(p)
	d.entries--
	d.changed[rec] = struct{}{}
	d.tellWatchers(rec, p)
	d.tidy(rec)
}

// addWatcher notes that a peer watches a name. It is answered in any case: it may
// have forgotten what it was told before.
func (d *Directory) addWatcher(p *peer, name Name) {
	rec := d.names[name]
	var watching bool
	if rec != nil {
		_, watching = p.in.watching[rec]
	}
	if !watching {
		if !d.admits(p, len(p.in.watching)) {
			return
		}
		if p.in.watching == nil {
			p.in.watching = make(map[*record]uint32)
		}
		rec = d.record(name)
		rec.watchers.add(p)
		d.entries++
	}
	p.in.watching[rec] = p.in.mark
	d.tell(p, item{kind: itemWhole, name: name})
}

func (d *Directory) dropWatcher(p *peer, rec *record) {
	if _, found := p.in.watching[rec]; !found {
		return
	}
	delete(p.in.watching, rec)
	rec.watchers.remove(p)
	d.entries--
	d.tidy(rec)
}

// receiveAnswer takes what an owner says about a name.
func (d *Directory) receiveAnswer(p *peer, a *wire.Answer) {
	rec := d.names[a.Name]
	if rec == nil || !rec.watched || rec.owner(p.id) == nil {
		d.refuse(Unasked)
		return
	}
	o := rec.owner(p.id)
	if a.Anew {
		o.mark = p.in.mark
		d.dropClaims(o, func(*claim) bool { return true })
	}
	for _, r := range a.Added {
		d.addClaim(o, r)
	}
	for _, id := range a.Removed {
		d.dropClaims(o, func(c *claim) bool { return c.node == id })
	}
	if a.Current {
		if o.since.IsZero() {
			o.since = d.now
			d.sweepBy(d.now.Add(d.config.Linger))
		}
	}
	d.changed[rec] = struct{}{}
}

func (d *Directory) addClaim(o *owner, r wire.Registrant) {
	in := &o.peer.in
	at, found := o.find(r.Node, r.Epoch)
	switch {
	case found:
	case in.claims >= d.config.PeerClaims:
		d.refuse(TooManyClaims)
	case d.entries >= d.config.Entries:
		d.refuse(Full)
	default:
		o.claims = slices.Insert(o.claims, at, claim{r.Node, r.Epoch})
		in.claims++
		d.entries++
	}
}

func (d *Directory) dropClaims(o *owner, which func(*claim) bool) {
	kept := slices.DeleteFunc(o.claims, func(c claim) bool { return which(&c) })
	dropped := len(o.claims) - len(kept)
	o.claims = kept
	o.peer.in.claims -= dropped
	d.entries -= dropped
}

// sweepPeer forgets what a peer said before its reset and not again since.
func (d *Directory) sweepPeer(p *peer) {
	in := &p.in
	in.sweeping = false
	for rec, mark := range in.registered {
		if mark != in.mark {
			d.dropRegistrant(p, rec)
		}
	}
	for rec, mark := range in.watching {
		if mark != in.mark {
			d.dropWatcher(p, rec)
		}
	}
	for rec := range p.duties {
		o := rec.owner(p.id)
		if o.mark != in.mark { // it does not know that this node watches the name
			d.silence(p, rec)
		}
	}
}

func (d *Directory) receiveDigest(p *peer, m *wire.Digest) {
	in := &p.in
	switch {
	case m.Sequence == in.have && in.have != 0:
		in.expires = d.now.Add(d.config.Lease)
		if m.Ask {
			d.ack(p, in.have, m.Sequence)
		}
	case m.Sequence < in.newest():
		d.refuse(Stale)
	default: // also if all of it was known, and has been forgotten
		d.ack(p, in.have, m.Sequence)
	}
}

func (d *Directory) receiveAck(from transport.PeerID, m *wire.Ack) {
	if _, member := d.members.Epoch(from); !member || from == d.me.id {
		d.refuse(UnknownPeer)
		return
	}
	if m.Epoch != d.me.epoch {
		d.refuse(OldEpoch)
		return
	}
	p := d.peer(from)
	d.touch(p)
	out := &p.out
	switch {
	case max(m.Have, m.Seen) > out.last:
		if out.last != 0 {
			d.refuse(BadAck)
		}
	case m.Seen > m.Have:
		// What was sent before the last reset may be missing.
		out.wanted = out.wanted || m.Seen >= out.resetFrom
	default:
		out.acknowledge(m.Have)
		out.retryAt = d.now.Add(d.config.Retry)
		confirmed := m.Have
		if m.Unconfirmed != 0 {
			confirmed = min(confirmed, m.Unconfirmed-1)
		}
		d.confirm(p, m.Have, confirmed)
	}
}

// acknowledge notes that the peer has applied all up to a sequence.
func (out *outgoing) acknowledge(have uint64) {
	rest := slices.IndexFunc(out.inFlight, func(sequence uint64) bool { return sequence > have })
	if rest < 0 {
		rest = len(out.inFlight)
	}
	if rest > 0 {
		out.inFlight, out.retries = out.inFlight[rest:], 0
	}
}
