package directory

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/project-iris/iris/overlay/deadline"
	"github.com/project-iris/iris/transport"
)

// Directory knows which nodes have members of which names. It is a state machine:
// it has no clock, goroutine or lock, and its owner calls one method at a time.
type Directory struct {
	config Config
	me     *peer // this node, among the registrants of names
	random *rand.Rand
	now    time.Time

	members  *Members
	spread   bool      // everybody is told what this node registers
	far      bool      // what others register is asked of owners
	farUntil time.Time // when far ends; zero: it does not

	names      map[Name]*record
	local      map[Name]*record // those of names that are local
	registered int              // names
	entries    int              // registrations, watches and claims of peers
	sequence   uint64           // of the last update to anybody

	peers    map[transport.PeerID]*peer
	departed remembered         // those that were members
	early    remembered         // those that spoke before they were
	awaited  map[uint64]awaited // by token
	timers   deadline.Table[*peer]
	sweepAt  time.Time // when all local names are looked at; zero: no need
	sweptAt  time.Time

	// Of the current step.
	touched map[*peer]struct{}
	changed map[*record]struct{}
	actions []Action

	ranked  []candidate // scratch
	scratch []transport.PeerID

	stats Stats
}

// New returns a directory of a network that has this node alone.
func New(config Config) *Directory {
	config = config.withDefaults()
	d := &Directory{
		config:  config,
		me:      &peer{id: config.Self, epoch: config.Epoch},
		random:  rand.New(rand.NewPCG(config.Seed, binary.BigEndian.Uint64(config.Self[:]))),
		members: NewMembers(Member{config.Self, config.Epoch}),
		names:   make(map[Name]*record),
		local:   make(map[Name]*record),
		peers:   make(map[transport.PeerID]*peer),
		awaited: make(map[uint64]awaited),
		touched: make(map[*peer]struct{}),
		changed: make(map[*record]struct{}),
	}
	d.spread = d.members.Len() <= config.Everywhere+d.slack()
	d.far = d.members.Len() > config.Everywhere
	return d
}

// Step takes an event and returns what has to be done, in this order: what has changed
// comes before the messages, so that a node that is told that an update was applied can
// rely on it. The slice is valid until the next step. Time must not run backwards; if it
// does, it stands still.
func (d *Directory) Step(now time.Time, event Event) []Action {
	if now.After(d.now) {
		d.now = now
	}
	d.actions = nil
	event.apply(d)
	d.tick()
	d.finishPeers()
	return append(d.finishNames(), d.actions...)
}

func (Tick) apply(*Directory) {}

// Next returns when the next [Tick] is due at the latest, if one is.
func (d *Directory) Next() (at time.Time, ok bool) {
	at, ok = d.timers.Next()
	if !d.sweepAt.IsZero() && (!ok || d.sweepAt.Before(at)) {
		return d.sweepAt, true
	}
	return at, ok
}

// Lookup returns the other nodes that have members of a watched name, by their ids,
// and whether enough was heard to tell since it is watched: if not, there may be more,
// and a [Changed] will come.
// The slice never changes. It allocates nothing.
func (d *Directory) Lookup(name Name) (nodes []transport.PeerID, known bool) {
	rec := d.local[name]
	if rec == nil || !rec.watched {
		return nil, false
	}
	return rec.nodes, rec.known
}

// Owners returns the nodes that own a name, in their order, this one among them if
// it does. It looks at all members.
func (d *Directory) Owners(name Name) []transport.PeerID {
	d.ranked = d.members.rank(name, d.config.Owners, d.ranked)
	ids := make([]transport.PeerID, 0, len(d.ranked))
	for i := range d.ranked {
		ids = append(ids, d.ranked[i].id)
	}
	return ids
}

// record returns what is known about a name. Whoever adds nothing to it has to call
// tidy.
func (d *Directory) record(name Name) *record {
	rec := d.names[name]
	if rec == nil {
		rec = &record{name: name}
		d.names[name] = rec
	}
	return rec
}

// tidy forgets a name that nobody has to do with.
func (d *Directory) tidy(rec *record) {
	if rec.idle() {
		delete(d.names, rec.name)
		delete(d.changed, rec)
	}
}

// tick does what has become due.
func (d *Directory) tick() {
	for {
		_, p, ok := d.timers.Expire(d.now)
		if !ok {
			break
		}
		p.armed = false
		d.touch(p)
	}
	if due(d.sweepAt, d.now) {
		d.sweep()
	}
}

// due reports whether a time that is set has come.
func due(at, now time.Time) bool { return !at.IsZero() && !at.After(now) }

// finishPeers ends the step for all peers that it touched. That may touch others.
func (d *Directory) finishPeers() {
	for len(d.touched) > 0 {
		touched := make(peers, 0, len(d.touched))
		for p := range d.touched {
			touched = append(touched, p)
		}
		clear(d.touched)
		slices.SortFunc(touched, func(a, b *peer) int { return compareNodes(a.id, b.id) })
		for _, p := range touched {
			if d.peers[p.id] == p {
				d.finish(p)
			}
		}
	}
}

// finish does what is due for a peer, and sets its timer.
func (d *Directory) finish(p *peer) {
	if p.in.have != 0 && due(p.in.expires, d.now) {
		d.stats.Expired++
		d.forget(p)
		d.askAnew(p, p.in.floor) // it may be there, and only its reminders lost
	}
	if due(p.until, d.now) {
		d.withdraw(p)
	}
	if due(p.in.askAt, d.now) {
		d.ask(p)
	}
	d.flush(p)
	d.stamp(p)
	d.renew(p)
	if p.empty() {
		d.disarm(p)
		delete(d.peers, p.id)
		return
	}
	d.arm(p)
}

// arm sets a peer's timer to the earliest time at which something is due.
func (d *Directory) arm(p *peer) {
	var at time.Time
	earliest := func(when bool, t time.Time) {
		if when && !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	earliest(p.in.have != 0, p.in.expires)
	earliest(true, p.until)
	earliest(p.in.have != 0 || p.in.missed != 0, p.in.askAt)
	waits := p.out.unanswered()
	earliest(waits, p.out.retryAt)
	earliest(!waits && p.out.last != 0 && !p.out.pending(), p.out.digestAt)
	earliest(d.sendable(p), d.sendAt(p))
	if p.armed && p.at.Equal(at) {
		return
	}
	d.disarm(p)
	if !at.IsZero() {
		p.timer, p.at, p.armed = d.timers.Add(at, p), at, true
	}
}

func (d *Directory) disarm(p *peer) {
	if p.armed {
		d.timers.Take(p.timer)
		p.armed = false
	}
}
