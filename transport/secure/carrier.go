package secure

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"

	"github.com/project-iris/iris/transport/nowait"
)

// bulkSize is how much of what TLS makes or takes moves in one system call when there is
// much: a batch of the multiplexer's largest, with what TLS adds to its records.
const bulkSize = 96 << 10

// maxRecord is the largest plaintext of a TLS record (RFC 8446, section 5.1).
const maxRecord = 16 << 10

// bulks are buffers of bulkSize bytes, which a connection has only while it uses them.
var bulks = sync.Pool{New: func() any { return new([bulkSize]byte) }}

// A carrier is the connection below TLS. It counts bytes, with what TLS adds, and saves
// system calls: crypto/tls writes each record by itself, and reads little more than one. And
// it lets records be written without a wait: what the connection does not take at once, the
// carrier keeps for flush.
type carrier struct {
	net.Conn
	try func(b []byte) int // writes what is taken at once; nil where that cannot be

	sent, received atomic.Uint64

	writing    sync.Mutex
	corked     *[bulkSize]byte // records that wait for uncork, nil if writes go through
	corkedSize int
	writeErr   error  // of records that TLS takes for written
	hurried    bool   // nothing waits for the connection
	left       []byte // what it did not take then, and goes before all else

	// Of the one goroutine that reads:
	ahead    *[bulkSize]byte // what is read ahead, nil if reads go through
	from, to int             // of what nobody has read yet, in ahead
	readErr  error           // that came with it
}

func newCarrier(conn net.Conn) *carrier {
	c := &carrier{Conn: conn}
	if now := nowait.New(conn); now != nil {
		c.try = now.Write
	}
	return c
}

// Read reads, and counts what has arrived. After a read that filled all of a large buffer
// it reads ahead, until there is little to read.
func (c *carrier) Read(b []byte) (int, error) {
	if c.ahead == nil {
		n, err := c.receive(b)
		if n == len(b) && n > maxRecord/2 && err == nil {
			c.ahead = bulks.Get().(*[bulkSize]byte)
		}
		return n, err
	}
	if c.from == c.to {
		c.from = 0
		c.to, c.readErr = c.receive(c.ahead[:])
	}
	n := copy(b, c.ahead[c.from:c.to])
	c.from += n
	if c.from < c.to {
		return n, nil
	}
	err := c.readErr
	if c.to < bulkSize/4 {
		bulks.Put(c.ahead)
		c.ahead, c.from, c.to = nil, 0, 0
	}
	return n, err
}

func (c *carrier) receive(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.received.Add(uint64(n))
	return n, err
}

// Write writes, or keeps what it is given until uncork.
func (c *carrier) Write(b []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.corked != nil && c.corkedSize+len(b) <= bulkSize {
		c.corkedSize += copy(c.corked[c.corkedSize:], b)
		return len(b), nil
	}
	c.sendCorked()
	return c.send(b)
}

// cork keeps what is written until uncork, as TCP_CORK does in a kernel.
func (c *carrier) cork() {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.corked = bulks.Get().(*[bulkSize]byte)
}

// uncork writes what was kept.
func (c *carrier) uncork() error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.sendCorked()
	bulks.Put(c.corked)
	c.corked = nil
	return c.writeErr
}

func (c *carrier) sendCorked() {
	if c.corkedSize > 0 {
		_, _ = c.send(c.corked[:c.corkedSize]) // the error stays
		c.corkedSize = 0
	}
}

// send writes, and counts first: when the peer has read it, it has been counted. After an
// error it is over, as TLS cannot write half a record.
func (c *carrier) send(b []byte) (int, error) {
	if c.writeErr != nil {
		return 0, c.writeErr
	}
	c.sent.Add(uint64(len(b)))
	if c.hurried {
		n := 0
		if len(c.left) == 0 {
			n = c.try(b)
		}
		c.left = append(c.left, b[n:]...)
		return len(b), nil
	}
	if _, err := c.sendLeft(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(b)
	c.sent.Add(uint64(n) - uint64(len(b))) // wraps around as it should
	c.writeErr = err
	return n, err
}

// sendLeft writes what a hurried write has left.
func (c *carrier) sendLeft() (int, error) {
	if len(c.left) == 0 {
		return 0, nil
	}
	n, err := c.Conn.Write(c.left)
	c.sent.Add(uint64(n) - uint64(len(c.left)))
	c.left, c.writeErr = c.left[:0], err
	return n, err
}

// hurry has what is written not wait for the connection, until rest.
func (c *carrier) hurry() {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.hurried = true
}

// rest ends hurry, and reports whether something is left for flush.
func (c *carrier) rest() (left bool) {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.hurried = false
	return len(c.left) > 0
}

// flush writes what is left.
func (c *carrier) flush() error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.writeErr != nil {
		return c.writeErr
	}
	_, err := c.sendLeft()
	return err
}

// CloseWrite says that no more follows, where the connection can say that.
func (c *carrier) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
