package beacon

import (
	"errors"
	"time"

	"github.com/project-iris/iris/transport"
)

// Window is how far the time in a beacon may be from the own clock. Certificates allow
// clocks as much.
const Window = time.Hour

// maxHeard is how many nodes are remembered by the time of their latest beacon.
const maxHeard = 8192

// Reasons to ignore a beacon that was sealed by the network.
var (
	// ErrTime is a beacon that is too old or comes from the future.
	ErrTime = errors.New("beacon: its time is more than an hour off")
	// ErrRepeated is a beacon that is not newer than one of the same node that was
	// heard before. Nodes speak on several interfaces at once: it is no reason to worry.
	ErrRepeated = errors.New("beacon: repeated")
	// ErrOwn is what this node itself has sent, or another one that has its id.
	ErrOwn = errors.New("beacon: from this node")
)

// gate lets in what deserves to be believed. One goroutine owns it.
type gate struct {
	self   transport.PeerID
	sealer *Sealer
	heard  map[transport.PeerID]time.Time // of the latest beacon, by its own clock
}

func newGate(self transport.PeerID, sealer *Sealer) *gate {
	return &gate{self: self, sealer: sealer, heard: make(map[transport.PeerID]time.Time)}
}

// admit returns what a packet says, or why it is ignored; both for ErrOwn.
func (g *gate) admit(now time.Time, packet []byte) (Beacon, error) {
	b, err := g.sealer.Open(packet)
	if err != nil {
		return Beacon{}, err
	}
	if b.ID == g.self {
		return b, ErrOwn
	}
	if !believable(now, b.Time) {
		return Beacon{}, ErrTime
	}
	if last := g.heard[b.ID]; !b.Time.After(last) && believable(now, last) {
		return Beacon{}, ErrRepeated
	}
	g.note(now, b)
	return b, nil
}

// believable reports whether a beacon of a time can be let in now. What was heard before
// and is not believable any more says nothing: it is too old, or this node's clock was
// ahead and has been set back.
func believable(now, stamp time.Time) bool {
	off := now.Sub(stamp)
	return -Window <= off && off <= Window
}

// note remembers a beacon. Where there is no room it forgets those that would not be
// believed again, or any one.
func (g *gate) note(now time.Time, b Beacon) {
	if _, ok := g.heard[b.ID]; !ok && len(g.heard) >= maxHeard {
		g.prune(now)
	}
	g.heard[b.ID] = b.Time
}

func (g *gate) prune(now time.Time) {
	for id, last := range g.heard {
		if !believable(now, last) {
			delete(g.heard, id)
		}
	}
	for id := range g.heard {
		if len(g.heard) < maxHeard {
			return
		}
		delete(g.heard, id)
	}
}
