package discovery

import (
	"errors"
	"math/rand/v2"
	"time"

	"golang.org/x/time/rate"

	"github.com/project-iris/iris/transport"
)

// What hints can cost a node at most, true ones and false ones.
const (
	// DialRate is how many dials a second hints cause at most, and DialBurst how many at
	// once after a while without.
	DialRate  = 10
	DialBurst = 10
	// maxDials bounds those under way.
	maxDials = 8
	// maxEntries bounds the destinations that are remembered; hints at more are dropped.
	maxEntries = 1024
)

// The waits before a destination is dialled again that was dialled before.
const (
	restMin = time.Second // after the first failure; it doubles with each
	restMax = time.Minute
	// restSelf is for the own address, which another node may have some day.
	restSelf = 10 * time.Minute
	// maxUnjoined is how often a node that answers is asked again because it is no member
	// yet: the link that there is to it may be one that is dead and not known to be.
	maxUnjoined = 10
	// forget is how long after its rest a destination has a clean record again.
	forget = 10 * time.Minute
)

// agenda decides which hints are dialled, and when. One goroutine owns it. It has no clock:
// its caller says what time it is.
//
// It has an entry for each destination, which is a node where the hint names one, and an
// address where it does not. A destination is dialled once for any number of hints that come
// before that is done, and not again during its rest. All dials together are limited.
type agenda struct {
	random  *rand.Rand
	limiter *rate.Limiter
	entries map[destination]*entry
	dialing int
	dropped uint64 // hints, as there were too many
}

// destination is what is dialled at most once at a time.
type destination struct {
	id   transport.PeerID
	addr string // of a destination without id
}

type entry struct {
	hint     Hint
	due      time.Time // of the dial; zero if there is none to come
	dialing  bool
	failures int
	unjoined int              // answers since it was a member
	rest     time.Time        // no dial before
	node     transport.PeerID // who answered last; zero if nobody has
}

func newAgenda(random *rand.Rand) *agenda {
	return &agenda{
		random:  random,
		limiter: rate.NewLimiter(DialRate, DialBurst),
		entries: make(map[destination]*entry),
	}
}

func destinationOf(h Hint) destination {
	if h.ID.IsZero() {
		return destination{addr: h.Addr}
	}
	return destination{id: h.ID}
}

// offer takes a hint.
func (a *agenda) offer(now time.Time, h Hint) {
	e := a.entry(now, destinationOf(h))
	if e == nil {
		a.dropped++
		return
	}
	if e.dialing {
		return
	}
	due := now.Add(h.After)
	if due.Before(e.rest) {
		due = e.rest
	}
	if !e.due.IsZero() && e.due.Before(due) {
		due = e.due
	}
	e.hint, e.due = h, due
}

// entry returns the entry of a destination, a new one if there is none, nil if there is no room.
func (a *agenda) entry(now time.Time, p destination) *entry {
	e := a.entries[p]
	if e == nil {
		if len(a.entries) >= maxEntries && !a.prune(now) {
			return nil
		}
		e = &entry{}
		a.entries[p] = e
	}
	if e.failures > 0 && now.Sub(e.rest) > forget {
		e.failures = 0
	}
	return e
}

// prune forgets destinations that nothing is to be done about, and reports whether there were
// any. Those that rest are kept: they would be dialled again before their time.
func (a *agenda) prune(now time.Time) bool {
	before := len(a.entries)
	for p, e := range a.entries {
		if e.due.IsZero() && !e.dialing && !now.Before(e.rest) {
			delete(a.entries, p)
		}
	}
	return len(a.entries) < before
}

// next returns a destination to dial now, and its hint. If there is none, ok is false, and wait
// says after how long to ask again; negative means that nothing is due. A hint that is offered
// and a dial that ends can make something due earlier.
//
// The function member reports whether the node of a hint is a member already: such a node is not
// dialled. The id is the hint's, or that of the node which answered at its address before.
func (a *agenda) next(now time.Time, member func(h Hint, id transport.PeerID) bool) (p destination, h Hint, wait time.Duration, ok bool) {
	for a.dialing < maxDials {
		p, e := a.first()
		switch {
		case e == nil:
			return destination{}, Hint{}, -1, false
		case e.due.After(now):
			return destination{}, Hint{}, e.due.Sub(now), false
		case member(e.hint, e.occupant()):
			e.due, e.unjoined = time.Time{}, 0
			continue
		case !a.limiter.AllowN(now, 1):
			return destination{}, Hint{}, time.Second / DialRate, false
		}
		e.due, e.dialing = time.Time{}, true
		a.dialing++
		return p, e.hint, 0, true
	}
	return destination{}, Hint{}, -1, false
}

// first returns the destination whose dial is due first, nil if there is none.
func (a *agenda) first() (first destination, e *entry) {
	for p, other := range a.entries {
		if !other.due.IsZero() && (e == nil || other.due.Before(e.due)) {
			first, e = p, other
		}
	}
	return first, e
}

// done takes how a dial has ended: with the node that is there, or an error.
func (a *agenda) done(now time.Time, p destination, id transport.PeerID, err error) {
	e := a.entries[p]
	a.dialing--
	e.dialing = false
	switch {
	case err == nil:
		e.node, e.failures, e.rest = id, 0, now.Add(min(restMin<<min(e.unjoined, 10), e.hint.restMax()))
		if e.unjoined++; e.unjoined <= maxUnjoined {
			e.due = e.rest
		}
	case errors.Is(err, transport.ErrSelf) && p.id.IsZero():
		e.rest = now.Add(restSelf)
	default:
		rest := min(restMin<<min(e.failures, 10), e.hint.restMax())
		e.failures++
		e.rest = now.Add(rest + time.Duration(a.random.Int64N(int64(rest/2))))
	}
}

// forgive has the destinations that failed dialled again, by their last hint, as if they had not.
func (a *agenda) forgive(now time.Time) {
	for _, e := range a.entries {
		if e.failures == 0 {
			continue
		}
		e.failures, e.rest = 0, now
		if !e.dialing {
			e.due = now
		}
	}
}

// restMax is how long the destination of a hint rests at most.
func (h Hint) restMax() time.Duration {
	if h.Rest > 0 {
		return h.Rest
	}
	return restMax
}

// occupant is the node that is to be at a destination, or was the last time; zero if that is not
// known.
func (e *entry) occupant() transport.PeerID {
	if e.hint.ID.IsZero() {
		return e.node
	}
	return e.hint.ID
}
