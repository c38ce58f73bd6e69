package relay

import (
	"context"

	"github.com/project-iris/iris/relay/wire"
)

// detach carries out the application's CLOSE: out of its cluster first, then the
// requests that it holds are answered and its tunnels closed, then it gets the
// answer, and the stream ends. The reader goes on meanwhile.
func (s *session) detach() {
	s.tunnels.endAll(nil)
	ctx, cancel := context.WithTimeout(s.ctx, s.relay.config.DetachTimeout)
	defer cancel()
	if err := s.member.Leave(ctx); err != nil {
		s.log.Debug("application left requests unanswered", "reason", err.Error())
	}
	s.member.Close()

	m := wire.Closed{}
	b, err := s.out.BeginOver(m.Size())
	if err != nil {
		return // the connection is gone
	}
	s.out.CommitLast(m.Append(b))
	select {
	case <-s.out.Done():
		s.linger()
	case <-s.ctx.Done():
	}
}
