//go:build unix

package relay_test

import (
	"net"
	"syscall"
	"testing"

	"github.com/project-iris/iris/relay"
)

func TestRule1_DelaysNothing(t *testing.T) {
	n := newNode(t, relay.Config{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	delaying := &delayingListener{Listener: listener, accepted: make(chan *net.TCPConn, 1)}
	served := make(chan error)
	go func() { served <- n.relay.Serve(delaying) }()
	dialTCP(t, n, listener.Addr().String(), "")
	if noDelay(t, <-delaying.accepted) == 0 {
		t.Error("TCP_NODELAY is not set")
	}
	n.close(t.Context())
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// delayingListener undoes what the net package sets by default.
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
	return conn, tcp.SetNoDelay(false)
}

func noDelay(t *testing.T, conn *net.TCPConn) int {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var value int
	var optErr error
	if err := raw.Control(func(fd uintptr) {
		value, optErr = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_NODELAY)
	}); err != nil || optErr != nil {
		t.Fatal(err, optErr)
	}
	return value
}
