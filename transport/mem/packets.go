package mem

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/transport"
)

// packetQueue is how many packets wait to be received; more are dropped.
const packetQueue = 256

// air is where packets travel that belong to no link. It has the delay, jitter, loss and
// partitions of a path, and no limit to its bandwidth.
type air struct {
	network *Network

	mu       sync.Mutex // taken before the network's lock, and not while one of a wire is held
	random   *rand.Rand
	underway schedule
	sequence uint64
	timer    *time.Timer
}

func newAir(n *Network) *air {
	return &air{network: n, random: rand.New(rand.NewPCG(n.config.Seed, 0))} // wires count from 1
}

// A parcel is a packet on its way.
type parcel struct {
	sender       transport.PeerID
	source, dest string // addresses
}

// send puts a packet on its way, or loses it.
func (a *air) send(p *parcel, b []byte) {
	var receiver transport.PeerID // zero: nobody is there
	if there := a.network.nodeAt(p.dest); there != nil {
		receiver = there.id
	}
	path, cut := a.network.between(p.sender, receiver)
	a.mu.Lock()
	defer a.mu.Unlock()
	if cut || (path.Loss > 0 && a.random.Float64() < path.Loss) {
		return
	}
	e := &event{kind: datagram, data: slices.Clone(b), parcel: p, arrival: time.Now().Add(path.Delay)}
	if path.Jitter > 0 {
		e.arrival = e.arrival.Add(time.Duration(a.random.Int64N(int64(path.Jitter) + 1)))
	}
	if path.Delay == 0 && path.Jitter == 0 {
		a.arrive(e)
		return
	}
	a.sequence++
	e.sequence = a.sequence
	heap.Push(&a.underway, e)
	if a.underway[0] == e {
		a.arm()
	}
}

// arm sets the timer to the next packet. The lock is held.
func (a *air) arm() {
	if len(a.underway) == 0 {
		return
	}
	wait := max(0, time.Until(a.underway[0].arrival))
	if a.timer == nil {
		a.timer = time.AfterFunc(wait, a.deliver)
		return
	}
	a.timer.Reset(wait)
}

// deliver hands over what has arrived.
func (a *air) deliver() {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	for len(a.underway) > 0 && !a.underway[0].arrival.After(now) {
		a.arrive(heap.Pop(&a.underway).(*event))
	}
	a.arm()
}

// arrive gives a packet to the node that is at its address now, unless that was cut off
// meanwhile. The lock is held.
func (a *air) arrive(e *event) {
	there := a.network.nodeAt(e.parcel.dest)
	if there == nil {
		return
	}
	if _, cut := a.network.between(e.parcel.sender, there.id); !cut {
		there.packets.take(letter{e.data, e.parcel.source})
	}
}

// packets are those that a node has sent and received.
type packets struct {
	arrived chan letter
	closing chan struct{} // closed with the node

	sent, received, full atomic.Uint64
}

// A letter is a packet that has arrived.
type letter struct {
	content []byte
	from    string
}

func newPackets() packets {
	return packets{arrived: make(chan letter, packetQueue), closing: make(chan struct{})}
}

func (p *packets) take(one letter) {
	select {
	case p.arrived <- one:
	default:
		p.full.Add(1)
	}
}

var _ transport.Packets = (*Transport)(nil)

// SendPacket implements transport.Packets. An address is one that a node listens on, the id
// of a node, or the remote address of a link.
func (t *Transport) SendPacket(to string, b []byte) error {
	if err := transport.CheckPacket(b); err != nil {
		return err
	}
	if to == "" {
		return &transport.NetworkError{Op: "send", Err: errNobody}
	}
	source, err := t.source()
	if err != nil {
		return err
	}
	t.packets.sent.Add(1)
	t.network.air.send(&parcel{sender: t.id, source: source, dest: to}, b)
	return nil
}

// source is where packets of this node come from: the first address that it listens on, in
// the order of the alphabet, or its id.
func (t *Transport) source() (addr string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return "", transport.ErrClosed
	}
	for l := range t.listeners {
		if addr == "" || l.addr < addr {
			addr = l.addr
		}
	}
	if addr == "" {
		addr = t.id.String()
	}
	return addr, nil
}

// ReceivePacket implements transport.Packets.
func (t *Transport) ReceivePacket(ctx context.Context) (b []byte, from string, err error) {
	select {
	case <-t.packets.closing:
		return nil, "", transport.ErrClosed
	default:
	}
	select {
	case one := <-t.packets.arrived:
		t.packets.received.Add(1)
		return one.content, one.from, nil
	case <-t.packets.closing:
		return nil, "", transport.ErrClosed
	case <-ctx.Done():
		return nil, "", ctx.Err()
	}
}

// PacketStats implements transport.Packets. What is lost on the way was sent.
func (t *Transport) PacketStats() transport.PacketStats {
	return transport.PacketStats{
		Sent: t.packets.sent.Load(), Received: t.packets.received.Load(), ReceiveQueueFull: t.packets.full.Load(),
	}
}
