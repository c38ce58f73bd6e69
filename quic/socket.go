package quic

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/project-iris/iris/transport"
)

// connectionIDLength is in bytes. quic-go's default of 4 could repeat in a
// process that comes back, which would then take old packets for its own.
const connectionIDLength = 8

// A socket is a UDP socket with quic-go at work on it. It lives as long as the
// transport, for links outlive their listener.
type socket struct {
	udp       *net.UDPConn
	conn      *steadyConn // udp, as quic-go sees it
	quic      *quicgo.Transport
	listening bool // guarded by the transport's lock
	used      bool // guarded by the transport's lock: its goroutines have begun

	departing chan departure
	closing   context.Context // ends when the socket is to be closed
	stop      context.CancelFunc
	left      atomic.Bool // quic-go reads it no more
	reading   sync.WaitGroup
	writing   sync.WaitGroup
}

// use begins to carry what is not of QUIC at a socket. It is called with the
// transport's lock held.
func (t *Transport) use(s *socket) {
	if !s.used {
		s.used = true
		s.expectPackets()
		s.reading.Go(func() { t.readBesideQUIC(s) })
		s.writing.Go(func() { t.writePackets(s) })
	}
}

// expectPackets has quic-go keep what is not of QUIC, which it drops until it is asked for a
// packet the first time.
func (s *socket) expectPackets() {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	_, _, _ = s.quic.ReadNonQUICPacket(ended, nil)
}

// openSocket is called with the transport's lock held.
func (t *Transport) openSocket(ctx context.Context, addr string) (*socket, error) {
	silenceQUICWarnings()
	var config net.ListenConfig
	made, err := config.ListenPacket(ctx, "udp", addr)
	if err != nil {
		return nil, &transport.NetworkError{Op: "listen", Addr: addr, Err: err}
	}
	udp := made.(*net.UDPConn)
	gate := &gate{refused: t.refusals.Note}
	key := resetKey(t.config.Identity.Secrets("quic stateless reset")[0], t.host, udp.LocalAddr().String())
	conn := enhance(udp, !t.config.NoGRO, t.unreachable)
	s := &socket{udp: udp, conn: conn, departing: make(chan departure, packetQueue), quic: &quicgo.Transport{
		Conn:                conn,
		ConnectionIDLength:  connectionIDLength,
		StatelessResetKey:   &key,
		ConnContext:         gate.enter,
		VerifySourceAddress: gate.crowded,
	}}
	s.closing, s.stop = context.WithCancel(context.Background())
	t.sockets = append(t.sockets, s)
	return s, nil
}

// socketFor finds a socket to dial an address from, or opens one.
func (t *Transport) socketFor(remote net.IP) (*socket, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, transport.ErrClosed
	}
	return t.dialSocket(remote)
}

// dialSocket is socketFor with the transport's lock held.
func (t *Transport) dialSocket(remote net.IP) (*socket, error) {
	s := t.suitable(remote)
	if s == nil {
		var err error
		if s, err = t.openSocket(context.Background(), net.JoinHostPort(unspecified(remote), "0")); err != nil {
			return nil, err
		}
	}
	t.use(s)
	return s, nil
}

// suitable finds a socket that is there, or nil. It is called with the transport's lock
// held.
func (t *Transport) suitable(remote net.IP) *socket {
	for _, s := range t.sockets {
		if suits(s.udp.LocalAddr().(*net.UDPAddr).IP, remote) {
			return s
		}
	}
	return nil
}

// suits says whether packets from a local address can reach a remote one, as
// far as can be told without the routing table.
func suits(local, remote net.IP) bool {
	sameFamily := (local.To4() != nil) == (remote.To4() != nil)
	switch {
	case local.IsUnspecified():
		return sameFamily || local.To4() == nil // an unspecified IPv6 socket does both
	case local.IsLoopback() || remote.IsLoopback():
		return sameFamily && local.IsLoopback() && remote.IsLoopback()
	}
	return sameFamily
}

// unspecified is the host to bind for dialling an address.
func unspecified(remote net.IP) string {
	if remote.To4() != nil {
		return "0.0.0.0"
	}
	return "::"
}

// discard closes a socket that quic-go reads no more, so that its port is free
// for another one. Its links have ended with it.
func (t *Transport) discard(s *socket) {
	t.mu.Lock()
	t.remove(s)
	t.mu.Unlock()
	s.close()
}

// remove has nothing begin at a socket any more. It is called with the transport's lock
// held.
func (t *Transport) remove(s *socket) {
	t.sockets = slices.DeleteFunc(t.sockets, func(other *socket) bool { return other == s })
	maps.DeleteFunc(t.ways, func(_ netip.AddrPort, other *socket) bool { return other == s })
}

// lastWrites is how long a socket that is to be closed waits for the system to take the
// packets that wait to be written.
const lastWrites = 100 * time.Millisecond

// close ends the socket's goroutines; its links have ended before.
func (s *socket) close() {
	_ = s.udp.SetWriteDeadline(time.Now().Add(lastWrites))
	s.stop()
	s.writing.Wait()
	_ = s.quic.Close()
	_ = s.udp.Close()
	s.reading.Wait()
}
