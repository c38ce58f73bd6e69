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
	last  atomic.Int64 // when a write began or ended, in nanoseconds since began
}

func newProgress(conn net.Conn) *progress {
	return &progress{Conn: conn, now: nowait.New(conn), began: time.Now()}
}

// Write writes to the connection.
func (p *progress) Write(b []byte) (int, error) {
	p.note()
	defer p.note()
	return p.Conn.Write(b)
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

// stalled returns how long ago the last write began or ended.
func (p *progress) stalled() time.Duration {
	return time.Since(p.began) - time.Duration(p.last.Load())
}
