package directory

import "slices"

// AwaitConfirmation asks for [Confirmed] as soon as what this node has registered until
// now has taken effect at all nodes that can send to it: those that keep it have said
// so, and so have those that watch the names there. A node that leaves what it was told
// unanswered for Config.Retry is not waited for. Tokens are chosen by the owner, who uses
// each once.
type AwaitConfirmation struct{ Token uint64 }

// StopAwaiting says that nobody waits for [Confirmed] with this token any more.
type StopAwaiting struct{ Token uint64 }

// Confirmed answers [AwaitConfirmation]. Silent says that a node was waited for in vain.
type Confirmed struct {
	Token  uint64
	Silent bool
}

func (Confirmed) action() {}

// awaited is how many peers have yet to confirm to somebody who waits.
type awaited struct {
	left   int
	silent bool // one was waited for in vain
}

// await is somebody on this node who waits until a peer confirms an update, and with it
// all before: the peer has applied it, and so have those that it had to tell of it.
type await struct {
	at    uint64 // sequence of the update; zero while it is not sent
	token uint64
}

// relayed is an update of a node, its origin, of which this node has told a peer. It is
// confirmed to the origin when the peer has acknowledged that.
type relayed struct {
	at       uint64 // sequence of the update to the peer; zero while it is not sent
	origin   *peer
	sequence uint64 // of the origin's update
}

// unconfirmed is an update of a peer that others were told of and have not acknowledged.
type unconfirmed struct {
	sequence uint64
	by       int // how many have not
}

func (e AwaitConfirmation) apply(d *Directory) {
	n := 0
	for _, p := range d.peers {
		if p.out.answers() && (p.out.pending() || p.out.confirmed < p.out.last) {
			p.out.awaiting = append(p.out.awaiting, await{p.out.sentAt(), e.Token})
			n++
		}
	}
	if n == 0 {
		d.actions = append(d.actions, Confirmed{Token: e.Token})
		return
	}
	d.awaited[e.Token] = awaited{left: n}
}

func (e StopAwaiting) apply(d *Directory) {
	if _, found := d.awaited[e.Token]; !found {
		return
	}
	delete(d.awaited, e.Token)
	for _, p := range d.peers {
		p.out.awaiting = slices.DeleteFunc(p.out.awaiting, func(a await) bool { return a.token == e.Token })
	}
}

// answers reports whether the peer has answered lately, as far as it had to.
func (out *outgoing) answers() bool { return out.retries == 0 }

// unanswered reports whether the peer has yet to acknowledge or confirm an update.
func (out *outgoing) unanswered() bool { return len(out.inFlight) > 0 || out.confirmed < out.last }

// sentAt returns the sequence of the update by which all that is to be said was said,
// zero while it is not.
func (out *outgoing) sentAt() uint64 {
	if out.pending() {
		return 0
	}
	return out.last
}

// relay notes that a peer has yet to hear of an update of another one. Several updates
// that it will hear of at once are one.
func (d *Directory) relay(to, origin *peer) {
	if origin == d.me || !to.out.answers() {
		return
	}
	sequence := origin.in.have
	for _, r := range to.out.relayed {
		if r.at == 0 && r.origin == origin {
			return // the earlier one holds this one up as well
		}
	}
	to.out.relayed = append(to.out.relayed, relayed{origin: origin, sequence: sequence})
	last := len(origin.in.unconfirmed) - 1
	if last >= 0 && origin.in.unconfirmed[last].sequence == sequence {
		origin.in.unconfirmed[last].by++
		return
	}
	origin.in.unconfirmed = append(origin.in.unconfirmed, unconfirmed{sequence, 1})
}

// stamp notes which update has said all that was to be said to a peer.
func (d *Directory) stamp(p *peer) {
	out := &p.out
	if out.pending() {
		return
	}
	if out.last == 0 {
		d.excuse(p)
		return
	}
	for i := range out.awaiting {
		if out.awaiting[i].at == 0 {
			out.awaiting[i].at = out.last
		}
	}
	for i := range out.relayed {
		if out.relayed[i].at == 0 {
			out.relayed[i].at = out.last
		}
	}
}

// unstamp notes that a peer is told everything anew.
func (out *outgoing) unstamp() {
	for i := range out.awaiting {
		out.awaiting[i].at = 0
	}
	for i := range out.relayed {
		out.relayed[i].at = 0
	}
}

// confirm notes that a peer has applied the updates up to one sequence, and that those
// up to another are confirmed.
func (d *Directory) confirm(p *peer, have, confirmed uint64) {
	out := &p.out
	out.confirmed = max(out.confirmed, confirmed)
	if !out.unanswered() {
		out.retries = 0
	}
	d.endWaits(out, func(at uint64) bool { return at != 0 && at <= out.confirmed },
		func(at uint64) bool { return at != 0 && at <= have })
}

// excuse stops to wait for a peer.
func (d *Directory) excuse(p *peer) {
	for _, a := range p.out.awaiting {
		waiting := d.awaited[a.token]
		waiting.silent = true
		d.awaited[a.token] = waiting
	}
	all := func(uint64) bool { return true }
	d.endWaits(&p.out, all, all)
}

// endWaits ends the waits for a peer whose sequences are among those given.
func (d *Directory) endWaits(out *outgoing, awaiting, told func(at uint64) bool) {
	out.awaiting = slices.DeleteFunc(out.awaiting, func(a await) bool {
		done := awaiting(a.at)
		if done {
			d.confirmed(a.token)
		}
		return done
	})
	out.relayed = slices.DeleteFunc(out.relayed, func(r relayed) bool {
		done := told(r.at)
		if done {
			d.passed(r.origin, r.sequence)
		}
		return done
	})
}

// confirmed counts one peer less that a token waits for.
func (d *Directory) confirmed(token uint64) {
	waiting := d.awaited[token]
	if waiting.left--; waiting.left > 0 {
		d.awaited[token] = waiting
		return
	}
	delete(d.awaited, token)
	d.actions = append(d.actions, Confirmed{Token: token, Silent: waiting.silent})
}

// passed counts one peer less that has to hear of an update of its origin, and lets the
// origin know when there are none left.
func (d *Directory) passed(origin *peer, sequence uint64) {
	in := &origin.in
	i := slices.IndexFunc(in.unconfirmed, func(u unconfirmed) bool { return u.sequence == sequence })
	if in.unconfirmed[i].by--; in.unconfirmed[i].by > 0 {
		return
	}
	in.unconfirmed = slices.Delete(in.unconfirmed, i, i+1)
	if i == 0 && d.peers[origin.id] == origin && in.have != 0 {
		d.ack(origin, in.have, in.have)
	}
}

// firstUnconfirmed returns the sequence of the earliest update that is not confirmed,
// zero if there is none.
func (in *incoming) firstUnconfirmed() uint64 {
	if len(in.unconfirmed) == 0 {
		return 0
	}
	return in.unconfirmed[0].sequence
}
