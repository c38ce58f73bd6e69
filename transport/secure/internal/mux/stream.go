package mux

import (
	"bufio"
	"io"
	"os"
	"time"

	"github.com/project-iris/iris/transport"
)

// A Stream is a transport.Stream. The lock of its Mux guards all of it but the
// channels and the deadlines.
type Stream struct {
	mux *Mux

	// readable and writable notify the one who reads and the one who writes.
	readable, writable          chan struct{}
	readDeadline, writeDeadline deadline

	id       uint32 // 0 until the first frame is queued
	accepted bool   // by the user; always so for a stream of this side
	released bool   // both directions have ended

	// Receiving.
	buffer     buffer
	allowed    int  // bytes that the peer may still send
	window     int  // what allowed and the buffer's size are together after a grant
	credit     int  // granted, and the peer not told yet
	queued     bool // among those with credit to send
	grantedAt  time.Time
	ended      bool // the peer's end has arrived
	receiveErr error

	// Sending.
	sendable int // bytes that may still be sent
	sendErr  error

	// stopped is a CancelRead before the stream had an id.
	stopped *transport.Code
}

var _ transport.Stream = (*Stream)(nil)

// newStream returns a stream; an id of 0 means that this side opens it.
func newStream(m *Mux, id uint32) *Stream {
	return &Stream{
		mux: m, id: id, accepted: id == 0,
		readable: make(chan struct{}, 1), writable: make(chan struct{}, 1),
		allowed: initialWindow, window: initialWindow, sendable: initialWindow,
	}
}

// Reset ends both directions as transport.Stream says.
func (s *Stream) Reset(code transport.Code) {
	s.mux.mu.Lock()
	defer s.mux.mu.Unlock()
	if s.released || s.mux.err != nil {
		return
	}
	s.announce()
	s.mux.push(header{kind: typeReset, stream: s.id, value: uint32(code)}, nil)
	s.endBoth(&transport.StreamError{Code: code}, false)
}

// CancelRead ends the reading direction as transport.Stream says.
func (s *Stream) CancelRead(code transport.Code) {
	s.mux.mu.Lock()
	defer s.mux.mu.Unlock()
	if s.receiveErr != nil || s.mux.err != nil {
		return
	}
	if s.id == 0 {
		s.stopped = &code
	} else if !s.ended {
		s.mux.push(header{kind: typeStop, stream: s.id, value: uint32(code)}, nil)
	}
	s.endReceiving(&transport.StreamError{Code: code})
	s.release()
}

// announce gives a stream of this side its id, in the order in which the peer
// is to hear of them, and says after which frame a stop goes.
func (s *Stream) announce() {
	if s.id != 0 {
		return
	}
	s.id = s.mux.nextID
	s.mux.nextID += 2
	s.mux.streams[s.id] = s
}

// announced follows the first frame with the stop that came before it.
func (s *Stream) announced() {
	if s.stopped != nil {
		s.mux.push(header{kind: typeStop, stream: s.id, value: uint32(*s.stopped)}, nil)
		s.stopped = nil
	}
}

// receiveReset is the peer's Reset.
func (s *Stream) receiveReset(code transport.Code) {
	s.endBoth(&transport.StreamError{Code: code, Remote: true}, s.ended)
}

// endBoth ends what has not ended. What the peer sent before its own end may be
// kept.
func (s *Stream) endBoth(err error, keep bool) {
	if s.receiveErr == nil && !keep {
		s.endReceiving(err)
	}
	s.endSending(err)
	s.release()
}

func (s *Stream) endReceiving(err error) {
	s.receiveErr = err
	s.buffer.discard()
	notify(s.readable)
}

func (s *Stream) endSending(err error) {
	if s.sendErr == nil {
		s.sendErr = err
		notify(s.writable)
	}
}

// release lets go of a stream of which both directions have ended.
func (s *Stream) release() {
	m := s.mux
	if s.released || s.receiveErr == nil || s.sendErr == nil {
		return
	}
	s.released = true
	m.windowsLeft += s.window - initialWindow
	delete(m.streams, s.id)
	if s.accepted && s.id%2 == m.nextPeerID%2 {
		m.makeRoom()
	}
}

// SetReadDeadline is as transport.Stream says.
func (s *Stream) SetReadDeadline(t time.Time) error {
	s.readDeadline.set(t)
	return nil
}

// SetWriteDeadline is as transport.Stream says.
func (s *Stream) SetWriteDeadline(t time.Time) error {
	s.writeDeadline.set(t)
	return nil
}

// SetDeadline is as transport.Stream says.
func (s *Stream) SetDeadline(t time.Time) error {
	s.readDeadline.set(t)
	s.writeDeadline.set(t)
	return nil
}

// Read is as transport.Stream says.
func (s *Stream) Read(b []byte) (int, error) {
	for {
		passed := s.readDeadline.done()
		n, err := s.tryRead(b)
		if n > 0 || err != nil || len(b) == 0 {
			return n, err
		}
		select {
		case <-s.readable:
		case <-s.mux.ctx.Done():
		case <-passed:
			return 0, os.ErrDeadlineExceeded
		}
	}
}

// tryRead reads what is there. What had arrived before the connection ended is
// still handed out.
func (s *Stream) tryRead(b []byte) (int, error) {
	s.mux.mu.Lock()
	defer s.mux.mu.Unlock()
	if isClosed(s.readDeadline.done()) {
		return 0, os.ErrDeadlineExceeded
	}
	n := s.buffer.read(b)
	if s.ended && s.buffer.size == 0 && s.receiveErr == nil {
		s.receiveErr = io.EOF
		s.release()
	}
	switch {
	case n > 0:
		s.grant()
		return n, nil
	case s.receiveErr != nil:
		return 0, s.receiveErr
	default:
		return 0, s.mux.err
	}
}

// grant allows the peer to send more when half of the window is used up. A
// reader that used it up within four round trips is held back by it, and gets
// twice as much if the budget has it. (The idea is Chromium's; quic-go and
// yamux do the same.)
func (s *Stream) grant() {
	available := s.allowed + s.buffer.size
	if s.ended || s.receiveErr != nil || available > s.window/2 {
		return
	}
	m, now := s.mux, time.Now()
	more := min(s.window, m.config.MaxWindow-s.window, m.windowsLeft)
	if more > 0 && m.rtt > 0 && now.Sub(s.grantedAt) < 4*m.rtt {
		s.window += more
		m.windowsLeft -= more
	}
	s.grantedAt = now
	s.credit += s.window - available
	s.allowed += s.window - available
	if !s.queued {
		s.queued = true
		m.credited = append(m.credited, s)
		notify(m.work)
	}
}

// pushCredit queues the credit that was granted since the last time.
func (s *Stream) pushCredit() {
	s.queued = false
	if s.receiveErr == nil {
		s.mux.add(header{kind: typeCredit, stream: s.id, value: uint32(s.credit)}, nil)
	}
	s.credit = 0
}

// expect checks that a payload may come.
func (s *Stream) expect(h header) error {
	if s.ended {
		return violation(errAfterEnd, h.kind, h.stream)
	}
	if int(h.value) > s.allowed {
		return violation(errWindow, h.kind, h.stream)
	}
	s.allowed -= int(h.value)
	return nil
}

// receive takes a part of a payload from the reader: what is there already, or
// a large piece that goes past the reader's buffer into a chunk.
func (s *Stream) receive(reader *bufio.Reader, size int) (int, error) {
	m := s.mux
	if reader.Buffered() > 0 || size < minChunkFill {
		if _, err := reader.Peek(1); err != nil {
			return 0, err
		}
		part, err := reader.Peek(min(size, reader.Buffered()))
		if err != nil {
			return 0, err
		}
		m.mu.Lock()
		if s.receiveErr == nil {
			s.buffer.write(part)
			notify(s.readable)
		}
		m.mu.Unlock()
		return reader.Discard(len(part))
	}
	piece := newChunk()
	n, err := io.ReadFull(reader, piece.data[:size])
	if err != nil {
		return 0, err
	}
	piece.end = n
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.receiveErr == nil {
		s.buffer.add(piece)
		notify(s.readable)
	}
	return n, nil
}

// receiveEnd is the peer's CloseWrite.
func (s *Stream) receiveEnd() {
	s.ended = true
	notify(s.readable)
}

// receiveStop is the peer's CancelRead.
func (s *Stream) receiveStop(code transport.Code) {
	s.endSending(&transport.StreamError{Code: code, Remote: true})
	s.release()
}

func (s *Stream) receiveCredit(h header) error {
	if uint64(s.sendable)+uint64(h.value) > maxWindow {
		return violation(errCredit, h.kind, h.stream)
	}
	s.sendable += int(h.value)
	notify(s.writable)
	return nil
}

// Write is as transport.Stream says.
func (s *Stream) Write(b []byte) (int, error) {
	total := 0
	for mine := false; ; {
		passed := s.writeDeadline.done()
		n, turn, err := s.tryWrite(b[total:], mine)
		total += n
		if err != nil || total == len(b) {
			return total, err
		}
		if mine = false; n > 0 {
			continue
		}
		select {
		case <-turn:
			mine = true
			continue
		case <-s.writable:
		case <-s.mux.ctx.Done():
		case <-passed:
		}
		s.leave(turn)
	}
}

// tryWrite queues one frame, or returns a turn to wait for, which is nil when
// there is no credit. It is the caller's turn if mine is set, and otherwise the
// caller goes behind those who wait.
func (s *Stream) tryWrite(b []byte, mine bool) (n int, turn chan struct{}, err error) {
	m := s.mux
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := s.writeErr(); err != nil || len(b) == 0 || s.sendable == 0 {
		if mine {
			m.spaceWaiting.wake()
		}
		return 0, nil, err
	}
	if !m.hasSpace() || !mine && len(m.spaceWaiting) > 0 {
		return 0, m.spaceWaiting.join(), nil
	}
	n = min(len(b), s.sendable, maxPayload)
	s.announce()
	m.push(header{kind: typeData, stream: s.id, value: uint32(n)}, b[:n])
	s.announced()
	s.sendable -= n
	if m.hasSpace() {
		m.spaceWaiting.wake()
	}
	return n, nil, nil
}

// leave gives up a turn that was waited for, if there was one.
func (s *Stream) leave(turn chan struct{}) {
	if turn == nil {
		return
	}
	s.mux.mu.Lock()
	defer s.mux.mu.Unlock()
	s.mux.spaceWaiting.leave(turn)
}

// writeErr is why nothing can be written.
func (s *Stream) writeErr() error {
	switch {
	case s.sendErr != nil:
		return s.sendErr
	case s.mux.err != nil:
		return s.mux.err
	case isClosed(s.writeDeadline.done()):
		return os.ErrDeadlineExceeded
	}
	return nil
}

// CloseWrite ends the writing direction as transport.Stream says.
func (s *Stream) CloseWrite() error {
	s.mux.mu.Lock()
	defer s.mux.mu.Unlock()
	if s.sendErr == transport.ErrWriteClosed {
		return nil
	}
	if s.sendErr != nil {
		return s.sendErr
	}
	if s.mux.err != nil {
		return s.mux.err
	}
	s.announce()
	s.mux.push(header{kind: typeDataEnd, stream: s.id}, nil)
	s.announced()
	s.endSending(transport.ErrWriteClosed)
	s.release()
	return nil
}
