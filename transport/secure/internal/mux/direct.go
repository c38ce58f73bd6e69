package mux

import (
	"time"

	"github.com/project-iris/iris/transport/outbox"
)

// TryWrite writes b as Write does if nothing is in the way: neither other frames, nor a limit of
// the peer, nor another goroutine that writes. Else it does nothing. It returns how much it has
// written, all or nothing, and does not wait.
func (s *Stream) TryWrite(b []byte) int {
	m := s.mux
	if m.try == nil || len(b) > maxPayload || !m.sending.TryLock() {
		return 0
	}
	defer m.sending.Unlock()
	if time.Since(m.wrote) < outbox.Burst {
		return 0
	}
	work := s.pushAlone(b)
	if work == nil {
		return 0
	}
	left, err := m.try.TryWrite(work.b)
	m.wrote = time.Now()
	work.recycle()
	if left || err != nil {
		notify(m.work) // the writer goes on, or finds out why not
	}
	return len(b)
}

// pushAlone returns a batch with a frame of the stream alone, and the control frames that wait,
// or nil if the frame cannot be sent now.
func (s *Stream) pushAlone(b []byte) *batch {
	m := s.mux
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.writeErr() != nil || s.id == 0 || s.sendable < len(b) || m.out != nil || len(m.spaceWaiting) > 0 {
		return nil
	}
	s.sendable -= len(b)
	m.add(header{kind: typeData, stream: s.id, value: uint32(len(b))}, b)
	return m.takeAll()
}
