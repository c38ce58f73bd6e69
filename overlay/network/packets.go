package network

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/project-iris/iris/overlay/sealed"
	"github.com/project-iris/iris/transport"
)

// unheardMost is how many packets go to a node that none comes from before a link is used for
// them, where there is one: something on the way lets none through.
const unheardMost = 8

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
	unheard int    // packets sent since one has come
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

// send sends a packet to a member, which has told its addresses, and reports whether it did.
// Linked says that there is a link, which is another way.
func (p *packets) send(to transport.PeerID, told string, linked bool, b []byte) bool {
	if p == nil {
		return false
	}
	addr, ok := p.next(to, told, linked)
	if !ok {
		return false
	}
	packet, err := p.box.Seal(make([]byte, 0, len(b)+sealed.Overhead), to, b)
	return err == nil && p.carrier.SendPacket(addr, packet) == nil
}

// next returns where the next packet for a member goes.
func (p *packets) next(to transport.PeerID, told string, linked bool) (addr string, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.peers[to]
	if r == nil {
		r = &packetRoute{addr: p.first(told)}
		p.peers[to] = r
	}
	r.unheard++
	if r.addr == "" || linked && r.unheard > unheardMost && r.unheard%unheardMost != 0 {
		return "", false
	}
	return r.addr, true
}

// first returns the first of a list of addresses that a packet can be sent to, empty if there
// is none.
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
		p.peers[id] = &packetRoute{addr: addr}
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

// heard notes that a packet has come from a member.
func (p *packets) heard(id transport.PeerID, addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.peers[id]; r != nil {
		r.addr, r.unheard = addr, 0
	} else {
		p.peers[id] = &packetRoute{addr: addr}
	}
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
