package membership

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/memberlist"
	"golang.org/x/time/rate"

	"github.com/project-iris/iris/transport"
)

// Membership is this node's view of the network. Its methods are safe for concurrent
// use.
type Membership struct {
	config Config
	wires  *wires
	list   *memberlist.Memberlist
	roster *roster
	meta   atomic.Pointer[[]byte] // what this node tells about itself

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	work    sync.WaitGroup // own goroutines
	company sync.Once      // this node has come to know another one
	asking  chan struct{}  // holds one for each node that is asked whether it lives
	asks    *rate.Limiter  // of what they are asked, all together

	mu    sync.Mutex // so that Handler is called for one change at a time
	going bool       // the handler is told nothing any more

	ending sync.Mutex // held by Leave and Close
	ended  bool
}

// New starts to keep the list of a network that has only this node yet. It has to be
// closed.
func New(config Config) (*Membership, error) {
	config, err := config.resolve()
	if err != nil {
		return nil, err
	}
	m := &Membership{config: config, roster: newRoster(config.MaxNodes), asking: make(chan struct{}, askers), asks: rate.NewLimiter(askRate, askBurst)}
	m.meta.Store(&config.Meta)
	m.ctx, m.cancel = context.WithCancel(context.Background())
	// A peer may have twice as many in its list, some of them dead, before it is
	// disbelieved.
	m.wires = newWires(config.Self, config.Carrier, &screen{maxNodes: 2 * uint64(config.MaxNodes), leaves: m.roster.leaves})
	m.list, err = memberlist.Create(m.memberlist())
	if err != nil {
		m.cancel()
		return nil, fmt.Errorf("membership: %w", err)
	}
	m.work.Go(m.heal)
	return m, nil
}

// HandlePacket takes a packet that a peer has sent. It does not block, and takes over
// b.
func (m *Membership) HandlePacket(from transport.PeerID, b []byte) {
	m.roster.heard(from)
	m.wires.packet(from, b)
}

// HandleStream takes a stream that a peer has opened, and returns when it is done with
// it: a few seconds later at most, and soon after the stream or the membership has
// ended.
func (m *Membership) HandleStream(from transport.PeerID, s transport.Stream) {
	m.roster.heard(from)
	m.wires.stream(from, s)
}

// Dropped returns how many packets and streams of peers were malformed or too many.
func (m *Membership) Dropped() uint64 { return m.wires.dropped.Load() }

// Len returns the number of nodes, this one included.
func (m *Membership) Len() int { return m.list.NumMembers() }

// Tell changes what this node tells the others about itself, MaxMeta bytes at most. It
// waits until some of them know, for half a second at most. After Close it does nothing.
func (m *Membership) Tell(meta []byte) error {
	if err := checkMeta(meta); err != nil {
		return err
	}
	m.ending.Lock()
	defer m.ending.Unlock()
	if !m.ended {
		m.meta.Store(&meta)
		_ = m.list.UpdateNode(leaveTimeout) // those who do not know yet are told later
	}
	return nil
}

// Leave tells the others that this node goes, and waits for half a second at most
// until some of them know. The handler is not called afterwards. After Close it does
// nothing.
func (m *Membership) Leave() {
	m.ending.Lock()
	defer m.ending.Unlock()
	m.hush()
	if !m.ended {
		_ = m.list.Leave(leaveTimeout) // they will notice, if not in good order
	}
}

// Close ends the membership and returns when its goroutines have ended, but for one that may
// wait for the answer to the last probe, [maxProbe] at most. The handler is not called
// afterwards.
func (m *Membership) Close() {
	m.ending.Lock()
	defer m.ending.Unlock()
	if m.ended {
		return
	}
	m.ended = true
	m.hush()
	m.cancel()
	m.wires.endProbes()
	_ = m.list.Shutdown() // never fails
	m.work.Wait()
	m.wires.work.Wait()
}

// hush keeps the handler from being called.
func (m *Membership) hush() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.going = true
}

// address is a stand-in for the network address that memberlist wants of a node: a
// unique local one (RFC 4193) made of its id.
func address(id transport.PeerID) *net.TCPAddr {
	ip := make(net.IP, net.IPv6len)
	ip[0] = 0xfd
	copy(ip[1:], id[:])
	return &net.TCPAddr{IP: ip, Port: 1}
}
