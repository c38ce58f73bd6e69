package strangers

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
)

// site is how much of an IPv6 address tells sources apart, in bits.
const site = 64

// A Room has the seats of one listener. Its methods may be called by any goroutine.
type Room struct {
	most int
	pick func(n int) int // a number below n

	mu    sync.Mutex
	seats []*Seat // in no order
	held  map[netip.Prefix]int

	silent, others []*Seat // of choose, kept for the next time
}

// A Seat is one connection's, from [Room.Enter] to [Room.Leave].
type Seat struct {
	source netip.Prefix
	spoke  func() bool
	evict  func()
	at     int // its index among the seats, -1 when it has none any more
}

// NewRoom returns a room of so many seats, one at the least.
func NewRoom(most int) *Room {
	return &Room{most: max(most, 1), pick: rand.IntN, held: make(map[netip.Prefix]int)}
}

// Enter gives a connection from an address a seat. If it was the last one, another
// connection loses its own: its evict is called, in this goroutine, and once. The other
// function reports whether something has come over
// the connection; it is called under a lock, and must not wait.
func (r *Room) Enter(from net.Addr, spoke func() bool, evict func()) *Seat {
	p := &Seat{source: sourceOf(from), spoke: spoke, evict: evict}
	r.mu.Lock()
	p.at = len(r.seats)
	r.seats = append(r.seats, p)
	r.held[p.source]++
	var victim *Seat
	if len(r.seats) > r.most {
		victim = r.choose(p)
		r.remove(victim)
	}
	r.mu.Unlock()
	if victim != nil {
		victim.evict()
	}
	return p
}

// Leave gives a seat back. It may be called again, and for one that was lost.
func (r *Room) Leave(p *Seat) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remove(p)
}

// Taken returns how many seats are taken.
func (r *Room) Taken() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.seats)
}

// choose picks who makes room for a newcomer. It is called with the lock held, and with one
// other seat at least.
func (r *Room) choose(newcomer *Seat) *Seat {
	most := 0
	for _, p := range r.seats {
		if p != newcomer {
			most = max(most, r.held[p.source])
		}
	}
	silent, others := r.silent[:0], r.others[:0]
	for _, p := range r.seats {
		switch {
		case p == newcomer || r.held[p.source] < most:
		case p.spoke():
			others = append(others, p)
		default:
			silent = append(silent, p)
		}
	}
	r.silent, r.others = silent, others
	if len(silent) > 0 {
		others = silent
	}
	victim := others[r.pick(len(others))]
	clear(r.silent)
	clear(r.others)
	return victim
}

// remove is called with the lock held.
func (r *Room) remove(p *Seat) {
	if p.at < 0 {
		return
	}
	last := r.seats[len(r.seats)-1]
	r.seats[p.at], last.at = last, p.at
	r.seats[len(r.seats)-1] = nil
	r.seats = r.seats[:len(r.seats)-1]
	p.at = -1
	if r.held[p.source]--; r.held[p.source] == 0 {
		delete(r.held, p.source)
	}
}

// sourceOf returns what an address has in common with others of the same host or site. All
// addresses that have no IP in them are one source.
func sourceOf(addr net.Addr) netip.Prefix {
	if addr == nil {
		return netip.Prefix{}
	}
	whole, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return netip.Prefix{}
	}
	ip := whole.Addr().Unmap()
	bits := ip.BitLen()
	if ip.Is6() {
		bits = site
	}
	source, _ := ip.WithZone("").Prefix(bits)
	return source
}

// Most returns how many seats a room of at most so many may have with the descriptors of
// this process: an eighth of them, and one at the least.
func Most(most int) int { return max(min(most, Descriptors()/8), 1) }
