package session

import (
	"errors"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

var errTooManyLanes = &transport.ClosedError{Code: transport.CodeProtocol, Reason: "too many lanes"}

// ServeLane handles what a node sends in one of its lanes, until the lane ends or breaks
// the protocol, which ends the link.
func (s *Session) ServeLane(stream transport.Stream) {
	if s.readers.Add(1) > maxLanes {
		s.Cut(errTooManyLanes)
		return
	}
	defer s.readers.Add(-1)
	if s.config.Peer.Link().Version() >= wire.VersionRead {
		stream = &telling{Stream: stream}
	}
	reader := wire.NewReader(stream, wire.Limits{
		Budget: s.config.Frames,
		Dropped: func(t wire.Type, id uint64) {
			s.config.Counters.framesRefused.Add(1)
			s.config.Handler.HandleDropped(t, id)
		},
	})
	defer reader.Close()
	for {
		m, err := reader.Read()
		if err != nil {
			s.broke(err)
			return
		}
		if s.Ended() {
			return
		}
		s.config.Handler.HandleMessage(m)
	}
}

// broke ends the link if that is what an error of reading means: that the node breaks
// the protocol, or that there is no memory for what it sends.
func (s *Session) broke(err error) {
	if _, ok := errors.AsType[*wire.ViolationError](err); ok {
		s.Cut(&transport.ClosedError{Code: transport.CodeProtocol, Reason: err.Error()})
	}
	if errors.Is(err, wire.ErrBudget) {
		s.config.Counters.framesRefused.Add(1)
		s.Cut(&transport.ClosedError{Code: transport.CodeBusy, Reason: err.Error()})
	}
}
