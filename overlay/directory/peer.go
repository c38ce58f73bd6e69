package directory

import (
	"time"

	"github.com/project-iris/iris/transport"
)

// peer is another node that this one has to do with.
type peer struct {
	id     transport.PeerID
	epoch  uint64
	duties map[*record]struct{} // records that have it among their owners
	until  time.Time            // until when it is told all though not everybody is; zero: it is not
	out    outgoing
	in     incoming

	armed bool
	timer uint64 // in Directory.timers, if armed
	at    time.Time
}

// outgoing is the stream of updates to a peer. What was said is not remembered: a
// change is the name of what may have changed, and what holds is looked up when it
// is sent.
type outgoing struct {
	dirty map[item]struct{}
	// wanted is that the peer has to be told everything, starting that the next
	// update is the first of that, completing that its last is still to come.
	wanted, starting, completing bool

	last      uint64    // sequence of the last update; zero: there is no stream
	resetAt   time.Time // when it was last told everything
	resetFrom uint64    // sequence of the update that began it
	inFlight  []uint64  // sequences that are not acknowledged
	retries   int
	retryAt   time.Time // with inFlight
	digestAt  time.Time // with last
	flushAt   time.Time // earliest time of the next update
	paidUntil time.Time // by the updates until now, one each Config.Coalesce

	// confirmed is the sequence up to which the peer has confirmed what it was told, see
	// confirm.go; awaiting and relayed are who waits for that, and for its acknowledgement.
	confirmed uint64
	awaiting  []await
	relayed   []relayed
}

// item names something that may have changed for a peer. The zero item is none.
type item struct {
	kind itemKind
	name Name
	node transport.PeerID
}

type itemKind byte

const (
	itemRegistration itemKind = iota + 1 // this node registers the name, or not
	itemWatch                            // this node watches the name, or not
	itemNode                             // the node registers the name here, or not
	itemWhole                            // all nodes behind the given one that register the name here
)

// incoming is what a peer has said.
type incoming struct {
	have    uint64 // sequence of the last update that was applied; zero: nothing holds
	floor   uint64 // updates up to this sequence are too old
	expires time.Time
	// mark tells what was said since the last reset from what was said before;
	// sweeping is that the latter is to be forgotten when the reset is complete.
	mark     uint32
	sweeping bool

	registered map[*record]uint32 // names that it registers here, with the mark
	watching   map[*record]uint32 // names that it watches here, with the mark
	claims     int                // in all owners that are this peer

	// missed is up to where it has spoken while that was not kept, so that it is asked to say everything anew;
	// zero: that was not so, or it has done it. It is asked so often yet, as that may be lost.
	missed uint64
	asks   int

	// askAt is when to ask it again: for what was missed, or for names that were refused, if there is room by
	// then. Zero: there is nothing to ask for.
	askAt time.Time

	unconfirmed []unconfirmed // in the order of their sequences
}

// newest returns the greatest sequence that is not news.
func (in *incoming) newest() uint64 { return max(in.have, in.floor) }

// pending reports whether there is something to be sent.
func (out *outgoing) pending() bool {
	return len(out.dirty) > 0 || out.wanted || out.starting || out.completing
}

// empty reports whether nothing needs to be remembered about the peer.
func (p *peer) empty() bool {
	return len(p.duties) == 0 && p.until.IsZero() &&
		p.out.last == 0 && !p.out.pending() &&
		p.in.newest() == 0 && p.in.missed == 0
}

// peer returns a member to have to do with.
func (d *Directory) peer(id transport.PeerID) *peer {
	p := d.peers[id]
	if p == nil {
		epoch, _ := d.members.Epoch(id)
		p = &peer{id: id, epoch: epoch}
		d.peers[id] = p
	}
	return p
}

// touch makes the end of the step look at a peer.
func (d *Directory) touch(p *peer) { d.touched[p] = struct{}{} }

// alive reports whether this node has something to say to a peer, and has to renew
// it.
func (d *Directory) alive(p *peer) bool {
	return d.registered > 0 && (d.spread || !p.until.IsZero()) || len(p.duties) > 0 || len(p.in.watching) > 0
}

// tell notes that something may have changed for a peer.
func (d *Directory) tell(p *peer, i item) {
	if p == d.me {
		return
	}
	d.touch(p)
	switch {
	case p.out.wanted:
	case p.out.last == 0 && !p.out.starting:
		p.out.wanted = d.alive(p)
	case len(p.out.dirty) >= maxDirty:
		p.out.wanted, p.out.dirty = true, nil
	default:
		if p.out.dirty == nil {
			p.out.dirty = make(map[item]struct{})
		}
		p.out.dirty[i] = struct{}{}
	}
}

// greet begins a stream to a peer if there is something to say.
func (d *Directory) greet(p *peer) {
	d.touch(p)
	if p.out.last == 0 {
		p.out.wanted = d.alive(p)
	}
}

// forget drops what a peer has said.
func (d *Directory) forget(p *peer) {
	for rec := range p.in.registered {
		d.dropRegistrant(p, rec)
	}
	for rec := range p.in.watching {
		d.dropWatcher(p, rec)
	}
	for rec := range p.duties {
		d.silence(p, rec)
	}
	p.in.floor, p.in.have = p.in.newest(), 0
	p.in.sweeping = false
}

// silence drops what a peer has said about a name as its owner.
func (d *Directory) silence(p *peer, rec *record) {
	o := rec.owner(p.id)
	p.in.claims -= len(o.claims)
	d.entries -= len(o.claims)
	o.claims, o.since, o.settled = nil, time.Time{}, false
	d.changed[rec] = struct{}{}
}
