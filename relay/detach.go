package relay

import (
	"context"

	"github.com/project-iris/iris/relay/wire"
)

// beginDetach begins to carry out the application's CLOSE. The reader goes on
// meanwhile.
func (s *session) beginDetach() {
	s.closing = true
	s.tunnels.endAll(nil)
	ctx, cancel := context.WithTimeout(s.ctx, s.relay.config.DetachTimeout)
	s.stopWaiting = cancel
	s.helpers.Go(func() { s.detach(ctx) })
}

// detach takes the application out of its cluster, and waits until the requests
// that it holds are answered and its tunnels closed, or the context ends, and until what it has
// sent is on its way. Then it gets the answer to its CLOSE, and the stream ends.
func (s *session) detach(ctx context.Context) {
	if err := s.member.Leave(ctx); err != nil {
		s.log.Debug("application left requests unanswered", "err", err.Error())
	}
	s.stopWaiting()
	s.backlog.finish()
	s.member.Close()

	m := wire.Closed{}
	b, err := s.out.Bulk.BeginOver(m.Size())
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

// finishDetach lets an application that has sent its last byte after CLOSE read the
// answer. It can answer nothing any more, so nobody waits for that.
func (s *session) finishDetach() {
	s.stopWaiting()
	<-s.out.Done()
}
