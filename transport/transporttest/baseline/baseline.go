// Package baseline opens the streams that transports are measured against: those of the
// libraries that they are made of, with the same certificates and windows, and nothing
// around them.
package baseline

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"testing"

	quicgo "github.com/quic-go/quic-go"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

// Windows of the raw QUIC stream, in bytes: the defaults of package quic.
const (
	streamWindow = 4 << 20
	linkWindow   = 32 << 20
)

// QUIC returns both ends of a stream of quic-go on loopback.
func QUIC(tb testing.TB) (w io.Writer, r io.Reader) {
	tb.Helper()
	network := identitytest.NewNetwork(tb, "baseline")
	config := &quicgo.Config{
		InitialStreamReceiveWindow: 512 << 10, MaxStreamReceiveWindow: streamWindow,
		InitialConnectionReceiveWindow: 2 << 20, MaxConnectionReceiveWindow: linkWindow,
	}
	ctx := context.Background()
	listener, err := socket(tb).Listen(network.Node(tb).ServerTLS(), config)
	if err != nil {
		tb.Fatal(err)
	}
	dialled, err := socket(tb).Dial(ctx, listener.Addr(), network.Node(tb).ClientTLS(transport.PeerID{}), config)
	if err != nil {
		tb.Fatal(err)
	}
	accepted, err := listener.Accept(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	out, err := dialled.OpenStreamSync(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := out.Write([]byte{0}); err != nil { // the peer learns of it by that
		tb.Fatal(err)
	}
	in, err := accepted.AcceptStream(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := io.ReadFull(in, make([]byte, 1)); err != nil {
		tb.Fatal(err)
	}
	return out, in
}

// socket returns a UDP socket for quic-go, which is closed with the test.
func socket(tb testing.TB) *quicgo.Transport {
	tb.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		tb.Fatal(err)
	}
	t := &quicgo.Transport{Conn: conn}
	tb.Cleanup(func() {
		_ = t.Close()
		_ = conn.Close()
	})
	return t
}

// TLS returns both ends of a connection of crypto/tls over TCP on loopback.
func TLS(tb testing.TB) (w io.Writer, r io.Reader) {
	tb.Helper()
	network := identitytest.NewNetwork(tb, "baseline")
	listener, err := tls.Listen("tcp", "127.0.0.1:0", network.Node(tb).ServerTLS())
	if err != nil {
		tb.Fatal(err)
	}
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, err := listener.Accept()
		if err == nil {
			_ = conn.(*tls.Conn).Handshake()
		}
		accepted <- conn
	}()
	out, err := tls.Dial("tcp", listener.Addr().String(), network.Node(tb).ClientTLS(transport.PeerID{}))
	if err != nil {
		tb.Fatal(err)
	}
	in := <-accepted
	tb.Cleanup(func() {
		_ = listener.Close()
		_ = out.Close()
		_ = in.Close()
	})
	return out, in
}
