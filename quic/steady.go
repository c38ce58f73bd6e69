package quic

import (
	"errors"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/net/ipv4"

	"github.com/project-iris/iris/transport/failpoint"
)

// A steadyConn is a UDP socket that no packet ends, as quic-go takes most errors
// of a socket for its end, and with it for that of all links.
//
// What a read fails with is mostly a report: an ICMP message has come about a
// packet that was sent to somebody. Anybody can send one, so it says nothing of
// the socket. Other errors, such as a lack of memory, pass. Only a socket that
// is closed, or that fails without a break for maxTrouble, ends reading.
//
// What a write fails with is about the packet at the most, which is lost then,
// as any packet may be.
type steadyConn struct {
	*net.UDPConn
	read    func(messages []ipv4.Message, flags int) (int, error)
	write   func(b, oob []byte, to *net.UDPAddr) (n, oobn int, err error)
	drain   func()   // takes in what the system has queued of reports
	trouble failures // of the goroutine that reads
}

func newSteadyConn(conn *net.UDPConn) *steadyConn {
	return &steadyConn{
		UDPConn: conn,
		read:    ipv4.NewPacketConn(conn).ReadBatch, // reads IPv6 as well; quic-go does it this way too
		write:   conn.WriteMsgUDP,
		drain:   func() {},
	}
}

// ReadBatch is what quic-go reads with, but on Windows.
func (c *steadyConn) ReadBatch(messages []ipv4.Message, flags int) (n int, err error) {
	err = c.persist(func() error {
		n, err = c.read(messages, flags)
		return err
	})
	return n, err
}

// ReadFrom is what quic-go reads with on Windows.
func (c *steadyConn) ReadFrom(b []byte) (n int, from net.Addr, err error) {
	err = c.persist(func() error {
		n, from, err = c.UDPConn.ReadFrom(b)
		return err
	})
	return n, from, err
}

// persist reads until there is a packet or the socket is of no more use.
func (c *steadyConn) persist(read func() error) error {
	for {
		err := read()
		switch {
		case err == nil:
			c.trouble = failures{}
			return nil
		case isEnd(err):
			return err
		}
		pause, hopeless := c.trouble.add(time.Now(), isReport(err))
		if hopeless {
			return err
		}
		c.drain()
		time.Sleep(pause) // maxPause at the most, which Close waits for
	}
}

const (
	// freeFailures is how many reads may fail in a row without a pause: each may
	// be a report, and packets wait behind it.
	freeFailures = 16

	// maxPause is the longest pause after a read that failed: it delays the
	// packet that comes next.
	maxPause = 50 * time.Millisecond

	// maxTrouble is how long a socket may fail without a break before it is given
	// up; failures that are further apart than the break are not of one kind.
	maxTrouble   = 5 * time.Second
	troubleBreak = time.Second
)

// failures are those of reading since the last packet.
type failures struct {
	count       int
	first, last time.Time // of those that are no reports
}

// add takes in a failure, and says how long not to read, or that it is of no use
// to read at all. Reports, which others can cause, are never a reason for that.
func (f *failures) add(now time.Time, report bool) (pause time.Duration, hopeless bool) {
	f.count++
	if !report {
		if f.first.IsZero() || now.Sub(f.last) > troubleBreak {
			f.first = now
		}
		f.last = now
		hopeless = now.Sub(f.first) >= maxTrouble
	}
	if excess := f.count - freeFailures; excess > 0 {
		pause = min(time.Millisecond<<min(excess, 10), maxPause)
	}
	return pause, hopeless
}

// WriteMsgUDP is what quic-go writes with, but on Windows.
func (c *steadyConn) WriteMsgUDP(b, oob []byte, to *net.UDPAddr) (n, oobn int, err error) {
	err = c.send(b, func() error {
		n, oobn, err = c.write(b, oob, to)
		return err
	})
	if err != nil {
		return n, oobn, err
	}
	return len(b), len(oob), nil
}

// WriteTo is what quic-go writes with on Windows.
func (c *steadyConn) WriteTo(b []byte, to net.Addr) (n int, err error) {
	err = c.send(b, func() error {
		n, err = c.UDPConn.WriteTo(b, to)
		return err
	})
	if err != nil {
		return n, err
	}
	return len(b), nil
}

// How often a write is tried.
const (
	maxWrites = 8

	// maxTooLong is for a packet that is said to be too long: it mostly is, and
	// quic-go, which looks for the path's MTU in this way, wants to know.
	maxTooLong = 3
)

// send writes a packet. A report about an earlier one, to anybody, fails a write
// that has nothing to do with it, once.
func (c *steadyConn) send(packet []byte, write func() error) (err error) {
	for try := 1; try <= maxWrites; try++ {
		if err = failpoint.Hit("write packet"); err == nil {
			err = write()
		}
		if err == nil {
			return nil
		}
		c.drain()
		switch {
		case isTooLong(err):
			if try >= maxTooLong {
				return err
			}
		case isReport(err):
		case isRefusal(err) && !isHandshake(packet):
			return nil // lost
		default:
			return err
		}
	}
	return nil // lost
}

// isHandshake tells packets with a long header (RFC 9000, section 17.2). When
// the system does not take one, whoever dials is to hear why.
func isHandshake(packet []byte) bool { return len(packet) > 0 && packet[0]&0x80 != 0 }

// isEnd tells the end of a socket, or of a wait for a packet.
func isEnd(err error) bool {
	return errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) || isAny(err, ends)
}

// isReport tells what a message about a packet can set on a socket.
func isReport(err error) bool { return isAny(err, reports) || isTooLong(err) }

func isTooLong(err error) bool { return errors.Is(err, tooLong) }

// isRefusal tells what makes a system not send a packet and passes: a queue is
// full, or a firewall, or the memory.
func isRefusal(err error) bool { return isAny(err, refusals) }

func isAny(err error, numbers []syscall.Errno) bool {
	number, ok := errors.AsType[syscall.Errno](err)
	return ok && slices.Contains(numbers, number)
}
