package peercred_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/project-iris/iris/relay/peercred"
)

func TestTheKernelTells(t *testing.T) {
	if err := peercred.Check(); err != nil {
		t.Fatal(err)
	}
}

// pair connects to a listener, and returns its end of the connection.
func accept(t *testing.T, l net.Listener, connect func()) net.Conn {
	t.Helper()
	connect()
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	return far
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Skipf("cannot listen: %v", err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func dial(t *testing.T, l net.Listener) net.Conn {
	t.Helper()
	conn, err := net.Dial(l.Addr().Network(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestOwnConnectionsAreOfThisUserAndProcess(t *testing.T) {
	for name, at := range map[string][2]string{
		"IPv4": {"tcp4", "127.0.0.1:0"},
		"IPv6": {"tcp6", "[::1]:0"},
		"Unix": {"unix", filepath.Join(t.TempDir(), "socket")},
	} {
		t.Run(name, func(t *testing.T) {
			l := listen(t, at[0], at[1])
			p, err := peercred.Of(accept(t, l, func() { dial(t, l) }))
			if err != nil || int(p.UID) != os.Geteuid() {
				t.Errorf("got %+v, %v; want user %d", p, err, os.Geteuid())
			}
			if pid := p.Process(); pid != os.Getpid() {
				t.Errorf("got process %d, want %d", pid, os.Getpid())
			}
			if unix := name == "Unix"; p.HasGID != unix || unix && int(p.GID) != os.Getegid() {
				t.Errorf("got %+v, want group %d for Unix alone", p, os.Getegid())
			}
		})
	}
}

// A socket of IPv6 can connect to an address of IPv4, and is one of IPv6 to the kernel.
func TestASocketOfTheOtherFamilyIsFound(t *testing.T) {
	l := listen(t, "tcp4", "127.0.0.1:0")
	far := accept(t, l, func() {
		fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Skipf("no IPv6: %v", err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		to := &unix.SockaddrInet6{Port: l.Addr().(*net.TCPAddr).Port}
		copy(to.Addr[:], net.IPv4(127, 0, 0, 1).To16())
		if err := unix.Connect(fd, to); err != nil {
			t.Fatal(err)
		}
	})
	if p, err := peercred.Of(far); err != nil || int(p.UID) != os.Geteuid() {
		t.Errorf("got %+v, %v; want user %d", p, err, os.Geteuid())
	}
}

// What is left of a closed socket belongs to root, as far as the kernel tells.
func TestAClosedSocketIsNobodys(t *testing.T) {
	for name, end := range map[string]func(*net.TCPConn){
		"closed":      func(c *net.TCPConn) { c.Close() },
		"reset":       func(c *net.TCPConn) { _ = c.SetLinger(0); c.Close() },
		"half closed": func(c *net.TCPConn) { _ = c.CloseWrite() },
		"closed with a listener at its port": func(c *net.TCPConn) {
			addr := c.LocalAddr().String()
			_ = c.SetLinger(0)
			c.Close()
			listen(t, "tcp4", addr)
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := listen(t, "tcp4", "127.0.0.1:0")
			far := accept(t, l, func() { end(dial(t, l).(*net.TCPConn)) })
			if p, err := peercred.Of(far); !errors.Is(err, peercred.ErrGone) {
				t.Errorf("got %+v, %v; want ErrGone", p, err)
			}
		})
	}
}

// A connection that was reset can be read to its end still, and its port may be another user's by
// then, whose socket the kernel finds.
func TestThePortOfAResetConnectionSaysNothing(t *testing.T) {
	l := listen(t, "tcp4", "127.0.0.1:0")
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) })
	}}
	connect := func() *net.TCPConn {
		conn, err := from.Dial("tcp4", l.Addr().String())
		if err != nil {
			t.Skipf("the port cannot be used again: %v", err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn.(*net.TCPConn)
	}
	first := accept(t, l, func() {
		conn := connect()
		from.LocalAddr = conn.LocalAddr()
		_, _ = conn.Write([]byte("x"))
		_ = conn.SetLinger(0)
		conn.Close()
	})
	second := accept(t, l, func() { connect() })
	if p, err := peercred.Of(second); err != nil {
		t.Fatalf("the second: %+v, %v", p, err)
	}
	if p, err := peercred.Of(first); !errors.Is(err, peercred.ErrGone) {
		t.Errorf("the first: got %+v, %v; want ErrGone", p, err)
	}
	if n, err := first.Read(make([]byte, 8)); n != 1 {
		t.Errorf("the first has nothing to read any more (%v): there was nothing to test", err)
	}
}

// connectAs connects as a user, by a process that ends when its input does.
func connectAs(t *testing.T, l net.Listener, script string, uid uint32) net.Conn {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be another user")
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("needs python3")
	}
	become := fmt.Sprintf("import os,socket,sys,encodings.idna\nos.setgroups([]); os.setgid(7002); os.setuid(%d)\n", uid)
	c := exec.Command(python, "-c", become+script, l.Addr().String())
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = os.Stderr
	if err := c.Start(); err != nil {
		t.Skipf("cannot run a process of another user: %v", err)
	}
	t.Cleanup(func() { in.Close(); _ = c.Wait() })
	_ = l.(interface{ SetDeadline(time.Time) error }).SetDeadline(time.Now().Add(20 * time.Second))
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	return far
}

const (
	byTCP  = "s=socket.create_connection(('127.0.0.1',int(sys.argv[1].split(':')[1])))\n"
	byUnix = "s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
	stay   = "sys.stdin.read()\n"
)

func TestAnotherUserIsToldByItsNumber(t *testing.T) {
	l := listen(t, "tcp4", "127.0.0.1:0")
	if p, err := peercred.Of(connectAs(t, l, byTCP+stay, 7001)); err != nil || p.UID != 7001 || p.Process() == 0 {
		t.Errorf("TCP: got %+v, %v, process %d", p, err, p.Process())
	}
	// A path below the directory of a test is closed to others.
	dir, err := os.MkdirTemp("", "iris")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "socket")
	l = listen(t, "unix", path)
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(path, 0o666)); err != nil {
		t.Fatal(err)
	}
	if p, err := peercred.Of(connectAs(t, l, byUnix+stay, 7001)); err != nil || p.UID != 7001 || p.GID != 7002 || p.PID == 0 {
		t.Errorf("Unix: got %+v, %v", p, err)
	}
}

// Who becomes another user keeps the sockets that it has made: they are the first user's.
func TestASocketStaysItsMakers(t *testing.T) {
	l := listen(t, "tcp4", "127.0.0.1:0")
	far := connectAs(t, l, byTCP+"os.setuid(7003); s.send(b'x')\n"+stay, 0)
	if _, err := far.Read(make([]byte, 1)); err != nil { // it has changed by now
		t.Fatal(err)
	}
	if p, err := peercred.Of(far); err != nil || p.UID != 0 {
		t.Errorf("got %+v, %v; want user 0", p, err)
	}
}

func TestAClosedUnixSocketIsNobodys(t *testing.T) {
	l := listen(t, "unix", filepath.Join(t.TempDir(), "socket"))
	far := accept(t, l, func() { dial(t, l).Close() })
	if p, err := peercred.Of(far); !errors.Is(err, peercred.ErrGone) {
		t.Errorf("got %+v, %v; want ErrGone", p, err)
	}
}
