package relay

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/relay/wire"
	"github.com/project-iris/iris/transport/outbox"
)

// Why a session ends. The context of a session has one of them as its cause, or
// the error of its connection.
var (
	errDetached = errors.New("application has detached")
	errGone     = errors.New("application is gone")
	errStopped  = errors.New("node is stopping")
)

// lingerTimeout is how long an application that was told the end of its connection
// may take to close it. What it sends meanwhile is dropped: to close a socket with
// unread bytes would reset it, and destroy the last frames on their way.
const lingerTimeout = 5 * time.Second

// session is one connection of an application.
//
// The goroutine in run reads and handles frames; it owns the fields of the second
// group. Everything else is safe for concurrent use.
type session struct {
	relay    *Relay
	conn     net.Conn
	limits   limits    // as they were when it began
	taken    *progress // the connection, as the queue is written to it
	out      *outbox.Outbox
	name     string // in logs
	access   access
	throttle throttle
	tunnels  tunnels
	memory   memory
	backlog  backlog
	ctx      context.Context // ends with the session; its cause says why
	cancel   context.CancelCauseFunc
	helpers  sync.WaitGroup // goroutines of this session besides run
	ready    chan struct{}  // closed when member is set
	writing  atomic.Bool    // the queue is being written, and the application is attached
	dropped  dropped
	log      *slog.Logger

	reader      *wire.Reader
	member      Member // set when it is attached, as is the next
	cluster     []byte
	subscribing bool               // it has subscribed, and others may not know it yet
	closing     bool               // the application has sent CLOSE
	stopWaiting context.CancelFunc // ends the wait for what it has yet to answer; set with closing
}

func newSession(r *Relay, conn net.Conn) *session {
	taken, name := newProgress(conn), nameOf(conn)
	now := r.limits()
	s := &session{
		relay:  r,
		limits: now,
		conn:   conn,
		taken:  taken,
		name:   name,
		out:    outbox.New(taken, now.queue, now.stall),
		ready:  make(chan struct{}),
		log:    r.log.With("app", name),
	}
	s.access.init(s)
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.memory.ctx = s.ctx
	s.backlog.session = s
	if r.config.Memory != nil {
		s.memory.Holder = r.config.Memory.Holder()
	}
	s.out.Charge(s.memory.Holder)
	s.reader = wire.NewReader(conn, wire.FromApplication, r.config.limits(&s.memory))
	return s
}

// run serves the connection until it ends.
func (s *session) run() {
	defer s.conn.Close()
	defer s.cancel(errGone)
	defer s.access.end()
	defer s.reader.Close()
	defer s.memory.Give(sessionMemory)
	if err := s.memory.Holder.Take(sessionMemory); err != nil {
		s.rejected(&denial{err.Error()})
		return
	}
	if err := s.attach(); err != nil {
		s.rejected(err)
		return
	}
	s.relay.counters.attached.Add(1)
	defer s.relay.counters.attached.Add(-1)
	s.writing.Store(true)
	s.helpers.Go(s.write)
	err := s.read()
	if s.closing && errors.Is(err, io.EOF) {
		s.finishDetach()
	}
	s.end(err)
}

// write writes the queue. When that fails, the session ends.
func (s *session) write() {
	if err := s.out.Run(); err != nil {
		s.cancel(err)
		s.conn.Close()
	}
}

// read handles frames until the connection ends or breaks the protocol.
func (s *session) read() error {
	for {
		if err := s.holdBack(); err != nil {
			return err
		}
		m, err := s.reader.Read()
		if err != nil {
			return err
		}
		if err := s.handle(m); err != nil {
			return err
		}
	}
}

// holdBack waits while the application leaves too many answers unread.
func (s *session) holdBack() error {
	for !s.closing && s.out.Queued() >= 2*s.limits.queue {
		if err := s.out.Bulk.WaitRoom(s.ctx); err != nil {
			<-s.out.Done() // if the node stops, not before all is written
			return err
		}
	}
	return nil
}

// end gives up everything that the session has, after its reader ended with err.
func (s *session) end(err error) {
	s.cancel(s.cause(err))
	cause := context.Cause(s.ctx)
	if limit, ok := errors.AsType[*limitError](cause); ok {
		s.tunnels.endAll(cause)
		s.member.Close() // before it is told, so that others have what it had
		s.farewell(limit)
	}
	s.out.Abort(cause) // first, so that a request which comes now goes to another member
	s.tunnels.endAll(cause)
	s.member.Close()
	s.conn.Close()
	s.backlog.finish() // last: others are not to wait for that
	s.helpers.Wait()
	s.throttle.end()
	s.logEnd(cause)
}

// cause says in the session's own terms why reading ended.
func (s *session) cause(err error) error {
	switch {
	case s.closing:
		return errDetached
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errGone
	}
	return err
}

func (s *session) logEnd(cause error) {
	var violation *wire.ViolationError
	var limit *limitError
	switch {
	case errors.As(cause, &limit):
		s.relay.counters.limited.Add(1)
		s.relay.warn(s.log, "application has met a limit; its connection is closed", "err", limit.Error())
	case errors.Is(cause, errDetached), errors.Is(cause, errStopped):
		s.log.Debug("application has detached")
	case errors.Is(cause, errExpelled):
		s.log.Debug("application was expelled")
	case errors.As(cause, &violation):
		s.relay.counters.violations.Add(1)
		s.relay.warn(s.log, "application broke the protocol; its connection is closed", "err", cause.Error())
	case errors.Is(cause, outbox.ErrStalled):
		s.relay.counters.stalled.Add(1)
		s.relay.warn(s.log, "application has stopped reading; its connection is closed",
			"timeout", s.limits.stall)
	default:
		s.log.Debug("application is gone without saying so", "err", cause.Error())
	}
}

// stop ends the session because the node ends: the queue is written until the
// context ends, then the socket is dropped.
func (s *session) stop(ctx context.Context) {
	s.cancel(errStopped)
	s.tunnels.endAll(errStopped)
	s.out.Close()
	if s.writing.Load() {
		select {
		case <-s.out.Done():
		case <-ctx.Done():
		}
	}
	s.conn.Close()
}

// linger reads and drops what an application still sends after it was told that
// this is the end, until it closes the connection.
func (s *session) linger() {
	if half, ok := s.conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = s.conn.SetReadDeadline(time.Now().Add(lingerTimeout))
}
