package membership

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/hashicorp/memberlist"

	"github.com/project-iris/iris/transport"
)

// Membership is this node's view of the network. Its methods are safe for concurrent
// use.
type Membership struct {
	config  Config
	wires   *wires
	list    *memberlist.Memberlist
	leaving atomic.Bool

	mu sync.Mutex // so that Handler is called for one change at a time
}

// New starts to keep the list of a network that has only this node yet. It has to be
// closed.
func New(config Config) (*Membership, error) {
	config, err := config.resolve()
	if err != nil {
		return nil, err
	}
	m := &Membership{config: config, wires: newWires(config.Self, config.Carrier)}
	m.list, err = memberlist.Create(m.memberlist())
	if err != nil {
		return nil, fmt.Errorf("membership: %w", err)
	}
	return m, nil
}

// Join merges the lists of this node and of another that it has a link to. It blocks
// until that is done, for two seconds at most.
func (m *Membership) Join(peer transport.PeerID) error {
	_, err := m.list.Join([]string{peer.String() + "/" + address(peer).String()})
	if err != nil {
		return fmt.Errorf("membership: join %s: %w", peer.Short(), err)
	}
	return nil
}

// HandlePacket takes a packet that a peer has sent. It does not block, and takes over
// b.
func (m *Membership) HandlePacket(from transport.PeerID, b []byte) { m.wires.packet(from, b) }

// HandleStream takes a stream that a peer has opened.
func (m *Membership) HandleStream(from transport.PeerID, s transport.Stream) {
	m.wires.stream(from, s)
}

// Dropped returns how many packets and streams of peers did not fit the queue.
func (m *Membership) Dropped() uint64 { return m.wires.dropped.Load() }

// Len returns the number of nodes, this one included.
func (m *Membership) Len() int { return m.list.NumMembers() }

// Leave tells the others that this node goes, and waits for half a second at most
// until some of them know.
func (m *Membership) Leave() {
	m.leaving.Store(true)
	_ = m.list.Leave(leaveTimeout) // they will notice, if not in good order
}

// Close ends the membership. The handler is not called afterwards.
func (m *Membership) Close() {
	m.mu.Lock()
	m.leaving.Store(true)
	m.mu.Unlock()
	m.wires.close()
	_ = m.list.Shutdown()
}

// address is a stand-in for the network address that memberlist wants of a node: a
// unique local one (RFC 4193) made of its id.
func address(id transport.PeerID) *net.TCPAddr {
	ip := make(net.IP, net.IPv6len)
	ip[0] = 0xfd
	copy(ip[1:], id[:])
	return &net.TCPAddr{IP: ip, Port: 1}
}
