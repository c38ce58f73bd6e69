package quic

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/project-iris/iris/transport"
)

// packetQueue is how many packets wait to be read, besides 32 in quic-go's own queue for
// each socket, and how many wait to be written to each socket: 300 KiB at the most.
const packetQueue = 256

// packets is what the transport carries beside links.
type packets struct {
	arrived chan arrival

	sent, received, sendQueueFull, sendFailed, receiveQueueFull, foreign atomic.Uint64
}

// An arrival is a packet that has come to a socket.
type arrival struct {
	content []byte
	from    netip.AddrPort
	socket  *socket
}

// A departure is a packet that waits to be written to a socket.
type departure struct {
	content []byte
	to      *net.UDPAddr
}

var _ transport.Packets = (*Transport)(nil)

// SendPacket implements transport.Packets, for addresses with the number of a host.
func (t *Transport) SendPacket(to string, b []byte) error {
	if err := transport.CheckPacket(b); err != nil {
		return err
	}
	remote, err := netip.ParseAddrPort(to)
	if err != nil {
		return &transport.NetworkError{Op: "send", Addr: to, Err: fmt.Errorf("a packet goes to the number of a host, not to a name: %w", err)}
	}
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	s, err := t.socketTo(remote)
	if err != nil {
		return err
	}
	select {
	case s.departing <- departure{slices.Clone(b), net.UDPAddrFromAddrPort(remote)}:
	default:
		t.packets.sendQueueFull.Add(1)
	}
	return nil
}

// ReceivePacket implements transport.Packets.
func (t *Transport) ReceivePacket(ctx context.Context) (b []byte, from string, err error) {
	select {
	case <-t.closing:
		return nil, "", transport.ErrClosed
	default:
	}
	select {
	case p := <-t.packets.arrived:
		t.packets.received.Add(1)
		t.noteWay(p.from, p.socket)
		return p.content, p.from.String(), nil
	case <-t.closing:
		return nil, "", transport.ErrClosed
	case <-ctx.Done():
		return nil, "", ctx.Err()
	}
}

// PacketStats implements transport.Packets. What quic-go's own queue has no room for is
// not counted.
func (t *Transport) PacketStats() transport.PacketStats {
	p := &t.packets
	return transport.PacketStats{
		Sent: p.sent.Load(), Received: p.received.Load(),
		SendQueueFull: p.sendQueueFull.Load(), SendFailed: p.sendFailed.Load(),
		ReceiveQueueFull: p.receiveQueueFull.Load(), Foreign: p.foreign.Load(),
	}
}

// readBesideQUIC takes in what comes to a socket and is not of QUIC, until quic-go has left
// the socket.
func (t *Transport) readBesideQUIC(s *socket) {
	defer s.left.Store(true)
	packet := make([]byte, maxPacket)
	for {
		n, from, err := s.quic.ReadNonQUICPacket(context.Background(), packet)
		if err != nil {
			return
		}
		if isSounding(packet[:n]) {
			t.answerSounding(s, packet[:n], from)
		} else {
			t.queue(s, packet[:n], from)
		}
	}
}

// queue puts a copy of a packet where ReceivePacket finds it, or drops it.
func (t *Transport) queue(s *socket, packet []byte, from net.Addr) {
	udp, ok := from.(*net.UDPAddr)
	switch {
	case !ok || transport.CheckPacket(packet) != nil:
		t.packets.foreign.Add(1)
		return
	case len(t.packets.arrived) == cap(t.packets.arrived): // a flood is not copied
		t.packets.receiveQueueFull.Add(1)
		return
	}
	there := udp.AddrPort()
	p := arrival{slices.Clone(packet), netip.AddrPortFrom(there.Addr().Unmap(), there.Port()), s}
	select {
	case t.packets.arrived <- p:
	default: // another socket was quicker
		t.packets.receiveQueueFull.Add(1)
	}
}

// writePackets writes what waits, until the socket is closed: a write waits while the
// system has no room, which SendPacket must not. What waits then is written first.
func (t *Transport) writePackets(s *socket) {
	for {
		select {
		case p := <-s.departing:
			t.write(s, p)
		case <-s.closing.Done():
			for len(s.departing) > 0 {
				t.write(s, <-s.departing)
			}
			return
		}
	}
}

func (t *Transport) write(s *socket, p departure) {
	t.packets.sent.Add(1) // before: what arrives has been counted
	if _, err := s.quic.WriteTo(p.content, p.to); err != nil {
		t.packets.sent.Add(^uint64(0))
		t.packets.sendFailed.Add(1)
	}
}

// maxWays bounds the memory of ways; beyond it any one is forgotten, which costs that
// answers leave by the socket that links would be dialled from.
const maxWays = 1024

// noteWay remembers the socket that packets of an address come to, if it is not the one that
// they are sent from anyway. A firewall on the way may let answers pass from there only.
func (t *Transport) noteWay(remote netip.AddrPort, s *socket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.suitable(remote.Addr().AsSlice()) == s || !slices.Contains(t.sockets, s) {
		delete(t.ways, remote)
		return
	}
	if _, known := t.ways[remote]; !known && len(t.ways) >= maxWays {
		for other := range t.ways {
			delete(t.ways, other)
			break
		}
	}
	t.ways[remote] = s
}

// socketTo finds the socket to send a packet from, or opens one.
func (t *Transport) socketTo(remote netip.AddrPort) (*socket, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, transport.ErrClosed
	}
	t.dropDead()
	if s := t.ways[remote]; s != nil {
		return s, nil
	}
	return t.dialSocket(remote.Addr().AsSlice())
}

// dropDead closes the sockets that quic-go reads no more: what is sent from there could not
// be answered. It is called with the transport's lock held, and does not wait.
func (t *Transport) dropDead() {
	for _, s := range slices.Clone(t.sockets) {
		if s.left.Load() {
			t.remove(s)
			t.work.Go(s.close)
		}
	}
}
