package mem

import (
	"io"
	"os"
	"sync"
	"time"

	"github.com/project-iris/iris/transport"
)

// chunk is the most that one event carries, in bytes, so that streams share a
// wire of limited bandwidth.
const chunk = 16 << 10

// A stream is one end of a stream. The wire's lock guards it.
type stream struct {
	link      *link
	id        uint64
	opener    bool
	announced bool // the peer knows of it, or will
	released  bool

	readable sync.Cond
	pending  [][]byte // has arrived and was not read
	unspoken int      // bytes read of which the sender was not told
	finished bool     // nothing follows what is pending
	readErr  error    // not nil once reading has ended

	writable sync.Cond
	credit   int   // bytes that the peer takes
	writeErr error // not nil once writing has ended

	readDeadline, writeDeadline deadline
}

func newStream(l *link, id uint64, opener bool) *stream {
	s := &stream{link: l, id: id, opener: opener, announced: !opener, credit: l.wire.network.config.Window}
	s.readable.L, s.writable.L = &l.wire.mu, &l.wire.mu
	return s
}

func (s *stream) Read(b []byte) (int, error) {
	s.lock()
	defer s.unlock()
	for {
		switch {
		case s.readErr != nil:
			return 0, s.readErr
		case s.readDeadline.passed():
			return 0, os.ErrDeadlineExceeded
		case len(s.pending) > 0:
			return s.take(b), nil
		case s.finished:
			s.endReading(io.EOF)
			return 0, io.EOF
		case len(b) == 0:
			return 0, nil
		}
		s.readable.Wait()
	}
}

// take moves pending bytes to b, and gives their credit back in larger steps.
func (s *stream) take(b []byte) int {
	n := 0
	for n < len(b) && len(s.pending) > 0 {
		copied := copy(b[n:], s.pending[0])
		n += copied
		s.pending[0] = s.pending[0][copied:]
		if len(s.pending[0]) == 0 {
			s.pending[0] = nil
			s.pending = s.pending[1:]
		}
	}
	s.unspoken += n
	if s.unspoken >= s.link.wire.network.config.Window/4 && !s.finished {
		s.send(&event{kind: credit, amount: s.unspoken})
		s.unspoken = 0
	}
	return n
}

func (s *stream) Write(b []byte) (int, error) {
	s.lock()
	defer s.unlock()
	for n := 0; ; {
		switch {
		case s.writeErr != nil:
			return n, s.writeErr
		case s.writeDeadline.passed():
			return n, os.ErrDeadlineExceeded
		case n == len(b):
			return n, nil
		case s.credit == 0:
			s.writable.Wait()
			continue
		}
		size := min(len(b)-n, s.credit, chunk)
		s.credit -= size
		s.send(&event{kind: data, data: append([]byte(nil), b[n:n+size]...)})
		n += size
	}
}

func (s *stream) CloseWrite() error {
	s.lock()
	defer s.unlock()
	switch s.writeErr {
	case nil:
		s.send(&event{kind: finish})
		s.endWriting(transport.ErrWriteClosed)
		return nil
	case transport.ErrWriteClosed:
		return nil
	default:
		return s.writeErr
	}
}

func (s *stream) Reset(code transport.Code) {
	s.lock()
	defer s.unlock()
	if s.writeErr == nil {
		s.send(&event{kind: reset, code: code})
		s.endWriting(&transport.StreamError{Code: code})
	}
	s.cancelRead(code)
}

func (s *stream) CancelRead(code transport.Code) {
	s.lock()
	defer s.unlock()
	s.cancelRead(code)
}

func (s *stream) SetReadDeadline(t time.Time) error {
	s.lock()
	defer s.unlock()
	s.readDeadline.set(t, &s.readable)
	return nil
}

func (s *stream) SetWriteDeadline(t time.Time) error {
	s.lock()
	defer s.unlock()
	s.writeDeadline.set(t, &s.writable)
	return nil
}

func (s *stream) SetDeadline(t time.Time) error {
	s.lock()
	defer s.unlock()
	s.readDeadline.set(t, &s.readable)
	s.writeDeadline.set(t, &s.writable)
	return nil
}

func (s *stream) lock()   { s.link.wire.mu.Lock() }
func (s *stream) unlock() { s.link.wire.mu.Unlock() }

// What follows is called with the wire's lock held.

func (s *stream) send(e *event) {
	e.stream = s.id
	e.first, s.announced = !s.announced, true
	s.link.send(e)
}

func (s *stream) receive(e *event) {
	switch e.kind {
	case data:
		if s.readErr == nil {
			s.pending = append(s.pending, e.data)
			s.readable.Broadcast()
		}
	case finish:
		s.finished = true
		s.readable.Broadcast()
	case reset:
		s.endReading(&transport.StreamError{Code: e.code, Remote: true})
	case stop:
		s.endWriting(&transport.StreamError{Code: e.code, Remote: true})
	case credit:
		s.credit += e.amount
		s.writable.Broadcast()
	}
}

func (s *stream) cancelRead(code transport.Code) {
	if s.readErr != nil {
		return
	}
	s.send(&event{kind: stop, code: code})
	s.endReading(&transport.StreamError{Code: code})
}

func (s *stream) endReading(err error) {
	if s.readErr != nil {
		return
	}
	s.readErr = err
	s.pending = nil
	s.readDeadline.stop()
	s.readable.Broadcast()
	s.releaseIfOver()
}

func (s *stream) endWriting(err error) {
	if s.writeErr != nil {
		return
	}
	s.writeErr = err
	s.writeDeadline.stop()
	s.writable.Broadcast()
	s.releaseIfOver()
}

func (s *stream) releaseIfOver() {
	if s.readErr == nil || s.writeErr == nil || s.released {
		return
	}
	s.released = true
	s.link.released(s)
}

// abandon ends both directions because the link has ended.
func (s *stream) abandon(cause error) {
	s.released = true
	s.endReading(cause)
	s.endWriting(cause)
}

// A deadline wakes those who wait on a condition when it passes.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (d *deadline) set(t time.Time, cond *sync.Cond) {
	d.stop()
	d.at = t
	if t.IsZero() || d.passed() {
		cond.Broadcast()
		return
	}
	d.timer = time.AfterFunc(time.Until(t), func() {
		cond.L.Lock()
		defer cond.L.Unlock()
		cond.Broadcast()
	})
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}
