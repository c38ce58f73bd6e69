package beacon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

const (
	// readBuffer is what a socket may hold, in bytes: what does not fit is dropped by the
	// system.
	readBuffer = 64 << 10
	// A socket reads readBatch packets in readWindow at most, and lets the system drop
	// what comes besides: that bounds the work that others can cause.
	readBatch  = 250
	readWindow = 25 * time.Millisecond
	// hopLimit keeps beacons on the wire.
	hopLimit = 1
)

// socket sends and receives beacons of one version of IP.
type socket struct {
	conn   *net.UDPConn
	groups groups
	group  netip.AddrPort
	joined map[int]bool // interfaces, by index
}

// groups is what ipv4.PacketConn and ipv6.PacketConn have in common here.
type groups interface {
	JoinGroup(i *net.Interface, group net.Addr) error
	LeaveGroup(i *net.Interface, group net.Addr) error
	SetMulticastInterface(i *net.Interface) error
	SetMulticastLoopback(on bool) error
}

// listen returns a socket that several nodes of a host can have at once.
func listen(network string) (*socket, error) {
	config := net.ListenConfig{Control: reuse}
	conn, err := config.ListenPacket(context.Background(), network, fmt.Sprintf(":%d", Port))
	if err != nil {
		return nil, err
	}
	s := &socket{conn: conn.(*net.UDPConn), joined: make(map[int]bool)}
	_ = s.conn.SetReadBuffer(readBuffer) // less is as good
	if network == "udp4" {
		four := ipv4.NewPacketConn(conn)
		s.groups, s.group = four, netip.AddrPortFrom(Group4, Port)
		err = four.SetMulticastTTL(hopLimit)
	} else {
		six := ipv6.NewPacketConn(conn)
		s.groups, s.group = six, netip.AddrPortFrom(Group6, Port)
		err = six.SetMulticastHopLimit(hopLimit)
	}
	if err = errors.Join(err, s.groups.SetMulticastLoopback(true)); err != nil {
		conn.Close()
		return nil, err
	}
	return s, nil
}

// has reports whether a path has the group of this socket.
func (s *socket) has(p path) bool {
	if s.group.Addr().Is4() {
		return p.group4
	}
	return p.group6
}

// join listens on paths, and on no others.
func (s *socket) join(paths []path) error {
	var failures []error
	there, group := make(map[int]bool), net.UDPAddrFromAddrPort(s.group)
	for _, p := range paths {
		if !s.has(p) {
			continue
		}
		if !s.joined[p.index] {
			if err := s.groups.JoinGroup(p.device(), group); err != nil {
				failures = append(failures, fmt.Errorf("%s: %w", p.name, err))
				continue
			}
		}
		there[p.index] = true
	}
	for index := range s.joined {
		if !there[index] {
			_ = s.groups.LeaveGroup(&net.Interface{Index: index}, group) // of one that may be gone
		}
	}
	s.joined = there
	return errors.Join(failures...)
}

// send sends a packet to the group and the broadcast addresses of a path.
func (s *socket) send(p path, packet []byte) error {
	var failures []error
	if s.has(p) {
		err := s.groups.SetMulticastInterface(p.device())
		if err == nil {
			_, err = s.conn.WriteToUDPAddrPort(packet, s.target(p))
		}
		failures = append(failures, err)
	}
	if s.group.Addr().Is4() {
		for _, to := range p.broadcasts {
			_, err := s.conn.WriteToUDPAddrPort(packet, netip.AddrPortFrom(to, Port))
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// target is the group, on a path.
func (s *socket) target(p path) netip.AddrPort {
	if s.group.Addr().Is4() {
		return s.group
	}
	return netip.AddrPortFrom(s.group.Addr().WithZone(p.name), s.group.Port())
}

// device is what the path's interface is called by package net.
func (p path) device() *net.Interface { return &net.Interface{Index: p.index, Name: p.name} }

// received is a packet and where it came from.
type received struct {
	packet []byte
	from   netip.AddrPort
}

// receive puts the packets that come to a connection into a channel, until the connection is
// closed. It reads no faster than they are taken out.
func receive(ctx context.Context, conn *net.UDPConn, to chan<- received) {
	var buffer [PacketSize + 1]byte // so that longer packets have another size
	var reads throttle
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buffer[:])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		rest(ctx, reads.next(time.Now()))
		if err != nil {
			continue // one packet, or a message of the network about one
		}
		select {
		case to <- received{append([]byte(nil), buffer[:n]...), from}:
		case <-ctx.Done():
			return
		}
	}
}

// throttle bounds how fast packets are read.
type throttle struct {
	begin time.Time // of the window
	count int       // read in it
}

// next counts a packet, and returns how long to rest before the next is read.
func (p *throttle) next(now time.Time) time.Duration {
	if now.Sub(p.begin) >= readWindow {
		*p = throttle{begin: now}
	}
	p.count++
	if p.count < readBatch {
		return 0
	}
	return readWindow - now.Sub(p.begin)
}

// rest waits, unless the context ends first.
func rest(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
