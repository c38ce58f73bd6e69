package relay

import (
	"errors"
	"io"
	"time"

	"github.com/project-iris/iris/relay/wire"
	"github.com/project-iris/iris/transport/budget"
)

// farewellLimit is how much an application may still send after it was told that this is the end.
const farewellLimit = 16 << 20

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
	b, err := s.out.Bulk.BeginOver(m.Size())
	if err != nil {
		return
	}
	s.out.CommitLast(m.Append(b))
	late := time.NewTimer(lingerTimeout)
	defer late.Stop()
	_ = s.conn.SetReadDeadline(time.Now().Add(lingerTimeout))
	dropped := make(chan struct{})
	s.helpers.Go(func() { // who sends and does not read meanwhile goes on
		defer close(dropped)
		_, _ = io.Copy(io.Discard, io.LimitReader(s.conn, farewellLimit))
	})
	select {
	case <-s.out.Done():
		s.linger()
		<-dropped
	case <-late.C:
	}
}

// HandleLimit logs which limit the application has met by something that it has sent. The network
// counts these.
func (s *session) HandleLimit(limit error) {
	s.relay.warn(s.log, "application has met a limit", "err", limit.Error())
}
