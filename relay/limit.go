package relay

import (
	"errors"
	"io"
	"time"

	"github.com/project-iris/iris/relay/wire"
	"github.com/project-iris/iris/transport/budget"
)

// limitError ends a session whose application has met a limit of the node, by a frame that has
// no answer in the protocol.
type limitError struct{ err error }

func (e *limitError) Error() string { return e.err.Error() }
func (e *limitError) Unwrap() error { return e.err }

// overLimit returns the error that ends a session for what a frame met: a limit of the node,
// or one that the protocol sets.
func overLimit(op wire.Op, err error) error {
	if errors.Is(err, budget.ErrRefused) {
		return &limitError{err}
	}
	return &wire.ViolationError{Op: op, Err: err}
}

// farewell tells the application why its connection ends, and drops what it still sends for a
// while: a socket that is closed with unread bytes is reset, which may destroy what was told.
func (s *session) farewell(limit *limitError) {
	m := wire.Closed{Reason: []byte(limit.Error())}
	b, err := s.out.Prompt.BeginOver(m.Size())
	if err != nil {
		return
	}
	s.out.CommitLast(m.Append(b))
	late := time.NewTimer(lingerTimeout)
	defer late.Stop()
	s.linger()
	_, _ = io.Copy(io.Discard, io.LimitReader(s.conn, 16<<20))
	select {
	case <-s.out.Done():
	case <-late.C:
	}
}
