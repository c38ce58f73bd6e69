package network

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/project-iris/iris/overlay/sealed"
	"github.com/project-iris/iris/transport"
)

// mostStreams is how many streams of membership go to a node that no packet has come from
// since: it opens one where packets are not answered. Then something on the way lets no
// packets through, and all goes over links.
const mostStreams = 3

// packets carries the packets of membership beside the links, where the transport can do
// that: no link is needed then, and nothing is acknowledged.
type packets struct {
	carrier transport.Packets
	box     *sealed.Box

	mu    sync.Mutex
	peers map[transport.PeerID]*packetRoute // of members
}

// packetRoute is how packets get to a member.
type packetRoute struct {
	addr    string // from where the last packet came, or where the last link leads
	streams int    // opened since a packet has come
}

// newPackets returns nil if the transport carries no packets, or there is no secret to seal
// them with.
func newPackets(t transport.Transport, config sealed.Config) (*packets, error) {
	carrier, ok := t.(transport.Packets)
	if !ok || len(config.Secrets) == 0 {
		return nil, nil
	}
	box, err := sealed.New(config)
	if err != nil {
		return nil, err
	}
	return &packets{carrier: carrier, box: box, peers: make(map[transport.PeerID]*packetRoute)}, nil
}

// SetPacketSecrets replaces [Config.PacketSecrets]. The error is that of
// [sealed.Box.SetSecrets].
func (n *Network) SetPacketSecrets(secrets [][32]byte) error {
	if n.packets == nil {
		return nil
	}
	return n.packets.box.SetSecrets(secrets)
}

// passes reports whether packets get to the member, as far as is known.
func (r *packetRoute) passes() bool { return r.addr != "" && r.streams < mostStreams }

// send sends a packet to a member, which has told its addresses, and reports whether it did.
func (p *packets) send(to transport.PeerID, told string, b []byte) bool {
	if p == nil {
		return false
	}
	addr, ok := p.next(to, told)
	if !ok {
		return false
	}
	packet, err := p.box.Seal(make([]byte, 0, len(b)+sealed.Overhead), to, b)
	return err == nil && p.carrier.SendPacket(addr, packet) == nil
}

// next returns where the next packet for a member goes.
func (p *packets) next(to transport.PeerID, told string) (addr string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, known := p.route(to)
	if !known {
		r.addr = p.first(told)
	}
	return r.addr, r.passes()
}

// route returns how packets get to a member, and whether that was known. The lock is held.
func (p *packets) route(to transport.PeerID) (r *packetRoute, known bool) {
	r, known = p.peers[to]
	if !known {
		r = &packetRoute{}
		p.peers[to] = r
	}
	return r, known
}

// first returns the first of a list of addresses that a packet can be sent to, empty if there
// is none. Of those the transport says that an empty packet is none.
func (p *packets) first(told string) string {
	for addr := range strings.SplitSeq(told, ",") {
		if err := p.carrier.SendPacket(addr, nil); errors.Is(err, transport.ErrPacket) {
			return addr
		}
	}
	return ""
}

// linked notes where a link to a node leads.
func (p *packets) linked(id transport.PeerID, addr string) {
	if p == nil {
		return
	}
	if addr = p.first(addr); addr != "" {
		p.mu.Lock()
		defer p.mu.Unlock()
		r, _ := p.route(id)
		r.addr = addr
	}
}

// streamed notes that membership opens a stream to a node.
func (p *packets) streamed(id transport.PeerID) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.peers[id]; r != nil {
		r.streams++
	}
}

// forget forgets a node that is no member any more.
func (p *packets) forget(id transport.PeerID) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.peers, id)
}

// carries reports whether packets go to a node.
func (p *packets) carries(id transport.PeerID) bool {
	if p == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.peers[id]
	return r != nil && r.passes()
}

// heard notes that a packet has come from a member.
func (p *packets) heard(id transport.PeerID, addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, _ := p.route(id)
	r.addr, r.streams = addr, 0
}

// receive hands what comes from members to a function, which may keep it, until the context
// ends.
func (p *packets) receive(ctx context.Context, member func(transport.PeerID) bool, handle func(from transport.PeerID, b []byte)) {
	for {
		b, addr, err := p.carrier.ReceivePacket(ctx)
		if err != nil {
			return
		}
		from, payload, err := p.box.Open(b)
		if err != nil {
			continue // and is counted by the box
		}
		if member(from) {
			p.heard(from, addr)
		}
		handle(from, payload)
	}
}
