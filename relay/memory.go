package relay

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/transport/budget"
)

const (
	// sessionMemory is what an application counts that does nothing: its goroutines, and the
	// buffers that no budget is asked for.
	sessionMemory = 16 << 10
	// tunnelMemory is what a tunnel counts besides what is queued in it: its goroutines, their
	// buffers, and a chunk that waits until the application allows it.
	tunnelMemory = 96 << 10
	// frameWait is how long an application is slowed, that sends more than there is memory for,
	// before the frame costs it its connection, or the chunk its tunnel.
	frameWait = 5 * time.Second
	// memoryLook is how often somebody who waits for memory sees whether he still has to.
	memoryLook = time.Second
)

// memory is what a session takes of the memory of the node.
type memory struct {
	*budget.Holder
	ctx     context.Context // of the session
	resumes atomic.Bool     // a goroutine waits to say that there is memory for requests again
}

// Take takes bytes for a frame that arrives: it slows the application down before it fails.
func (m *memory) Take(bytes int64) error {
	err := m.Holder.Take(bytes)
	if err == nil {
		return nil
	}
	if m.wait(frameWait, bytes) != nil {
		return &limitError{err}
	}
	return nil
}

// wait takes bytes as soon as that can be, within a time.
func (m *memory) wait(patience time.Duration, bytes int64) error {
	ctx, cancel := context.WithTimeout(m.ctx, patience)
	defer cancel()
	return m.Wait(ctx, bytes)
}

// await waits until there are so many bytes, within a time. Others may have them then.
func (m *memory) await(patience time.Duration, bytes int) error {
	err := m.wait(patience, int64(bytes))
	if err == nil {
		m.Give(int64(bytes))
	}
	return err
}

// resumeWithMemory says that there is room for requests again, as soon as there is memory for
// one that was refused, and the application is attached.
func (s *session) resumeWithMemory(bytes int) {
	if s.memory.resumes.Swap(true) {
		return
	}
	s.helpers.Go(func() {
		select {
		case <-s.ready:
		case <-s.ctx.Done():
			return
		}
		for s.ctx.Err() == nil && s.memory.await(memoryLook, bytes) != nil {
		}
		s.memory.resumes.Store(false)
		if s.ctx.Err() == nil {
			s.member.Resume()
		}
	})
}

// outOfMemory reports whether an error says that there is no memory.
func outOfMemory(err error) bool { return errors.Is(err, budget.ErrRefused) }
