package quic

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"net"
	"os"
	"slices"
	"sync"

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
	used      bool // guarded by the transport's lock: a goroutine answers soundings
	answering sync.WaitGroup
}

// use begins to answer soundings at a socket. It is called with the transport's
// lock held.
func (t *Transport) use(s *socket) {
	if !s.used {
		s.used = true
		s.answering.Go(func() { t.answerSoundings(s) })
	}
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
	key := resetKey(t.config.Identity.Secrets("quic stateless reset")[0], udp.LocalAddr().String())
	conn := enhance(udp, !t.config.NoGRO, t.unreachable)
	s := &socket{udp: udp, conn: conn, quic: &quicgo.Transport{
		Conn:                conn,
		ConnectionIDLength:  connectionIDLength,
		StatelessResetKey:   &key,
		ConnContext:         gate.enter,
		VerifySourceAddress: gate.crowded,
	}}
	t.sockets = append(t.sockets, s)
	return s, nil
}

// resetKey is the same for a process that comes back at the same address of the
// same host, so that it can end the links of the one before. It differs between
// addresses and hosts: a node that made tokens for another one's links would
// hand them to whoever asks (RFC 9000, section 10.3.2).
func resetKey(secret [32]byte, addr string) quicgo.StatelessResetKey {
	host, _ := os.Hostname() // without a name the address alone has to do
	mac := hmac.New(sha256.New, secret[:])
	mac.Write([]byte(host + "\x00" + addr))
	return quicgo.StatelessResetKey(mac.Sum(nil))
}

// socketFor finds a socket to dial an address from, or opens one.
func (t *Transport) socketFor(remote net.IP) (*socket, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, transport.ErrClosed
	}
	for _, s := range t.sockets {
		if suits(s.udp.LocalAddr().(*net.UDPAddr).IP, remote) {
			t.use(s)
			return s, nil
		}
	}
	s, err := t.openSocket(context.Background(), net.JoinHostPort(unspecified(remote), "0"))
	if err == nil {
		t.use(s)
	}
	return s, err
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
	t.sockets = slices.DeleteFunc(t.sockets, func(other *socket) bool { return other == s })
	t.mu.Unlock()
	s.close()
}

// close ends the socket's goroutines; its links have ended before.
func (s *socket) close() {
	_ = s.quic.Close()
	_ = s.udp.Close()
	s.answering.Wait()
}
