//go:build unix

package relay_test

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"

	"github.com/project-iris/iris/relay"
)

func TestRule01_DelaysNothing(t *testing.T) {
	if option(t, attachOverTCP(t), syscall.IPPROTO_TCP, syscall.TCP_NODELAY) == 0 {
		t.Error("TCP_NODELAY is not set")
	}
}

// What the system holds is no queue that senders could wait for: a writer goes on only
// when a good part of it is free. Linux doubles what it is asked for.
func TestTheSystemHoldsLittleForAnApplication(t *testing.T) {
	if n := option(t, attachOverTCP(t), syscall.SOL_SOCKET, syscall.SO_SNDBUF); n > 256<<10 {
		t.Errorf("the system holds up to %d bytes", n)
	}
}

// attachOverTCP attaches an application, and returns the relay's end of the connection,
// which the relay serves until the test ends.
func attachOverTCP(t *testing.T) *net.TCPConn {
	t.Helper()
	n := newNode(t, relay.Config{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	delaying := &delayingListener{Listener: listener, accepted: make(chan *net.TCPConn, 1)}
	served := make(chan error)
	go func() { served <- n.relay.Serve(delaying) }()
	t.Cleanup(func() {
		n.close(context.Background())
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	dialTCP(t, n, listener.Addr().String(), "")
	return <-delaying.accepted
}

// delayingListener undoes what the net package sets by default, and a large send buffer
// as Linux lets it grow.
type delayingListener struct {
	net.Listener
	accepted chan *net.TCPConn
}

func (l *delayingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tcp := conn.(*net.TCPConn)
	l.accepted <- tcp
	return conn, errors.Join(tcp.SetNoDelay(false), tcp.SetWriteBuffer(4<<20))
}

// option returns an option of a socket.
func option(t *testing.T, conn *net.TCPConn, level, name int) int {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var value int
	var optErr error
	if err := raw.Control(func(fd uintptr) {
		value, optErr = syscall.GetsockoptInt(int(fd), level, name)
	}); err != nil || optErr != nil {
		t.Fatal(err, optErr)
	}
	return value
}
