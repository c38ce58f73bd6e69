package relay

import (
	"net"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/transport/nowait"
)

// progress is a connection that knows for how long it has taken nothing. Only the
// writer of its queue writes to it.
type progress struct {
	net.Conn
	now   *nowait.Writer
	began time.Time
	last  atomic.Int64 // when a write began, or some of it was taken, in nanoseconds since began
	again bool         // the last write took nothing, and is tried again; the writer's own
}

func newProgress(conn net.Conn) *progress {
	return &progress{Conn: conn, now: nowait.New(conn), began: time.Now()}
}

// Write writes to the connection.
func (p *progress) Write(b []byte) (int, error) {
	if !p.again {
		p.note()
	}
	n, err := p.Conn.Write(b)
	if p.again = n == 0; !p.again {
		p.note()
	}
	return n, err
}

// TryWrite writes what the connection takes at once.
func (p *progress) TryWrite(b []byte) int {
	n := p.now.Write(b)
	if n > 0 {
		p.note()
	}
	return n
}

func (p *progress) note() { p.last.Store(int64(time.Since(p.began))) }

// stalled returns for how long nothing was taken of what there is to write.
func (p *progress) stalled() time.Duration {
	return time.Since(p.began) - time.Duration(p.last.Load())
}
