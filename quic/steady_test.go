package quic

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/ipv4"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

// errno is an error as a socket returns it.
func errno(call string, number syscall.Errno) error {
	return &net.OpError{Op: call, Net: "udp", Err: os.NewSyscallError(call, number)}
}

// readAfter reads from a socket that fails with an error some times in a row.
func readAfter(err error, times int) (took time.Duration, failed error) {
	begin := time.Now()
	c := &steadyConn{drain: func() {}, read: func([]ipv4.Message, int) (int, error) {
		if times--; times >= 0 {
			return 0, err
		}
		return 1, nil
	}}
	_, failed = c.ReadBatch(make([]ipv4.Message, 1), 0)
	return time.Since(begin), failed
}

func TestNoReportEndsReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, report := range append(reports, tooLong) {
			if took, err := readAfter(errno("recvmsg", report), 1); err != nil || took > 0 {
				t.Errorf("one %v: reading ends with %v, or pauses %v", report, err, took)
			}
			if took, err := readAfter(errno("recvmsg", report), 1000); err != nil || took < 40*time.Second || took > 50*time.Second {
				t.Errorf("1,000 times %v in a row: %v after %v", report, err, took)
			}
		}
	})
}

func TestWhatEndsReading(t *testing.T) {
	rows := []struct {
		name string
		err  error
		ends bool
		by   time.Duration
	}{
		{"the socket is closed", &net.OpError{Op: "read", Err: net.ErrClosed}, true, 0},
		{"it was told to wait no more", &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, true, 0},
		{"it is no socket", errno("recvmsg", ends[0]), true, 0},
		{"it fails, for a reason that nobody thought of", errors.New("strange"), true, maxTrouble + maxPause},
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			took, err := readAfter(row.err, 1000)
			if (err != nil) != row.ends || took > row.by {
				t.Errorf("%s: %v after %v", row.name, err, took)
			}
		})
	}
}

// TestTroubleThatPassesEndsNothing has failures that are far apart, or few.
func TestTroubleThatPassesEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var apart failures
		for range 1000 {
			time.Sleep(2 * troubleBreak)
			if _, hopeless := apart.add(time.Now(), false); hopeless {
				t.Fatal("failures that are far apart end reading")
			}
		}
		if took, err := readAfter(errors.New("strange"), 50); err != nil || took > 2*time.Second {
			t.Errorf("fifty failures in a row: %v after %v", err, took)
		}
	})
}

// TestAReportDoesNotFailAWrite has writes that fail with the errors, one by one, and
// succeed then.
func TestAReportDoesNotFailAWrite(t *testing.T) {
	short, long := make([]byte, 1200), append([]byte{0xc0}, make([]byte, 1199)...)
	report, refusal := reports[0], refusals[0]
	many := []syscall.Errno{report, report, report, report, report, report, report, report, report, report}
	rows := []struct {
		name   string
		packet []byte
		errs   []syscall.Errno
		writes int // how many are tried
		fails  bool
	}{
		{"a good write", short, nil, 1, false},
		{"a report", short, []syscall.Errno{report}, 2, false},
		{"a report that a packet was too long", short, []syscall.Errno{tooLong}, 2, false},
		{"more reports than there can be", short, many, maxWrites, false},
		{"a packet that is too long", short, []syscall.Errno{tooLong, tooLong, tooLong, tooLong}, maxTooLong, true},
		{"a packet that is too long, after reports", short, []syscall.Errno{report, tooLong, report, tooLong, tooLong}, 4, true},
		{"no room", short, []syscall.Errno{refusal}, 1, false},
		{"no room for a handshake", long, []syscall.Errno{refusal}, 1, true},
		{"a closed socket", short, []syscall.Errno{ends[0]}, 1, true},
	}
	for _, row := range rows {
		writes := 0
		c := &steadyConn{drain: func() {}, write: func(b, oob []byte, _ *net.UDPAddr) (int, int, error) {
			if writes++; writes <= len(row.errs) {
				return 0, 0, errno("sendmsg", row.errs[writes-1])
			}
			return len(b), len(oob), nil
		}}
		_, _, err := c.WriteMsgUDP(row.packet, nil, nil)
		if (err != nil) != row.fails || writes != row.writes {
			t.Errorf("%s: error %v after %d writes", row.name, err, writes)
		}
	}
}

func newTestTransport(t *testing.T, network *identitytest.Network) *Transport {
	t.Helper()
	made, err := New(Config{Identity: network.Node(t), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = made.Close() })
	return made
}

// TestADeadSocketMakesRoomForANewOne closes the socket of a listener, and that of a
// node that only dials.
func TestADeadSocketMakesRoomForANewOne(t *testing.T) {
	network := identitytest.NewNetwork(t, "dead")
	a, b := newTestTransport(t, network), newTestTransport(t, network)
	first, err := a.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := first.Addr()
	expectLink(t, b, first)
	_ = first.(*listener).socket.udp.Close()
	if _, err := first.Accept(t.Context()); !errors.Is(err, transport.ErrNetwork) {
		t.Fatalf("Accept on a dead socket: %v", err)
	}
	_ = first.Close()
	second, err := a.Listen(t.Context(), addr)
	if err != nil {
		t.Fatal(err)
	}
	expectLink(t, b, second)

	dialled := b.sockets[0]
	_ = dialled.udp.Close()
	_ = dialled.quic.Close()
	if _, err := b.Dial(t.Context(), addr, transport.PeerID{}); !errors.Is(err, transport.ErrNetwork) {
		t.Fatalf("Dial from a dead socket: %v", err)
	}
	expectLink(t, b, second)
}

func expectLink(t *testing.T, from *Transport, to transport.Listener) {
	t.Helper()
	if _, err := from.Dial(t.Context(), to.Addr(), transport.PeerID{}); err != nil {
		t.Fatal(err)
	}
	if _, err := to.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// TestReportsDoNotEndASocket lets a socket at work read every report that there is,
// under a link that is in use.
func TestReportsDoNotEndASocket(t *testing.T) {
	network := identitytest.NewNetwork(t, "reports")
	a, b := newTestTransport(t, network), newTestTransport(t, network)
	pending := make(chan error, len(reports)+1)
	a.mu.Lock()
	s, err := a.openSocket(t.Context(), "127.0.0.1:0")
	a.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	read := s.conn.read
	s.conn.read = func(messages []ipv4.Message, flags int) (int, error) {
		select {
		case err := <-pending:
			return 0, err
		default:
			return read(messages, flags)
		}
	}
	l, err := a.Listen(t.Context(), s.udp.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, report := range append(reports, tooLong) {
		pending <- errno("recvmsg", report)
		expectLink(t, b, l)
	}
	if len(pending) > 0 {
		t.Errorf("%d reports were not read", len(pending))
	}
}
