package client

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/project-iris/iris/relay/wire"
)

// Request asks one member of a cluster and returns its reply. The reply is the
// caller's to keep, and the body is not used after Request has returned.
//
// The context's deadline travels with the request, in milliseconds, rounded up;
// without one it is [Config].Timeout. A request to a cluster without members waits
// for one, unless [Config].FailFast is set. Errors: [ErrTimeout]; [ErrNobody]; a
// [*FaultError] with the text of the member's error; the context's, if it is cancelled, and
// then the reply is ignored; [ErrTooLarge]; and [ErrClosed], when the connection to the node
// is lost or closed. That one wraps [ErrNotSent] or [ErrMayHaveRun].
func (c *Conn) Request(ctx context.Context, cluster string, body []byte) ([]byte, error) {
	reply, err := c.request(ctx, cluster, body)
	if err != nil {
		return nil, fmt.Errorf("request to %q: %w", cluster, err)
	}
	return reply, nil
}

func (c *Conn) request(ctx context.Context, cluster string, body []byte) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, contextError(ctx)
	}
	if err := c.checkMessage(cluster, body); err != nil {
		return nil, err
	}
	p, err := c.calls.add()
	if err != nil {
		return nil, err
	}
	if err := c.sendRequest(ctx, p, cluster, body); err != nil {
		c.calls.cancel(p)
		return nil, err
	}
	select {
	case <-p.answered:
	case <-ctx.Done():
		if c.calls.cancel(p) {
			return nil, contextError(ctx)
		}
	}
	reply, err := p.reply, p.err
	c.calls.recycle(p)
	return reply, err
}

func (c *Conn) sendRequest(ctx context.Context, p *call, cluster string, body []byte) error {
	m := wire.Request{ID: p.id, Cluster: []byte(cluster), Body: body, Timeout: math.MaxInt64}
	a := c.current.Load()
	b, err := a.begin(ctx, &a.out.Prompt, m.Size())
	if err != nil {
		return err
	}
	m.Timeout = c.timeout(ctx) // less than a moment ago if we had to wait for room
	p.position = a.out.Prompt.Position()
	if c.config.FailFast {
		p.deadline = time.Now().Add(time.Duration(m.Timeout) * time.Millisecond)
	}
	a.out.Commit(m.Append(b))
	return nil
}

// timeout is how long the node may take, in milliseconds, at least 1.
func (c *Conn) timeout(ctx context.Context) uint64 {
	left := c.config.Timeout
	if deadline, ok := ctx.Deadline(); ok {
		left = time.Until(deadline)
	}
	return uint64((max(left, 1)-1)/time.Millisecond) + 1
}

// calls are the requests that wait for their answer. Each gets exactly one: what
// takes it out of the map answers it, or gives it up.
type calls struct {
	pool sync.Pool // of *call; of this connection, not of the process, for tests under synctest

	mu   sync.Mutex
	next uint64 // id; never used again
	open map[uint64]*call
	err  error // why no more are taken
}

// call is a request's place to wait. Whoever has received from answered may read
// the other fields.
type call struct {
	id       uint64
	position uint64        // of the request in the outbox
	deadline time.Time     // before which the node does not say that it has passed; with FailFast only
	answered chan struct{} // holds one
	reply    []byte
	err      error
}

// unsent is the position of a request that is not in the outbox.
const unsent = math.MaxUint64

// add opens a call under a fresh id.
func (s *calls) add() (*call, error) {
	p, _ := s.pool.Get().(*call)
	if p == nil {
		p = &call{answered: make(chan struct{}, 1)}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, notSent(s.err)
	}
	p.id, p.position = s.next, unsent
	s.next++
	s.open[p.id] = p
	return p, nil
}

// remove takes a call out of the map; nil if it is not there.
func (s *calls) remove(id uint64) *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.open[id]
	delete(s.open, id)
	return p
}

// cancel gives a call up and recycles it. It returns false if the answer was
// quicker: then the call has been answered, and is the caller's.
func (s *calls) cancel(p *call) bool {
	if s.remove(p.id) == nil {
		<-p.answered // at most a moment away
		return false
	}
	s.recycle(p)
	return true
}

// resolve answers a call. A result for an unknown id is late, and ignored.
func (s *calls) resolve(m *wire.Result, n *counters) {
	p := s.remove(m.ID)
	switch {
	case p == nil:
		n.lateReplies.Add(1)
		return
	case m.TimedOut && time.Now().Before(p.deadline):
		p.err = ErrNobody
	case m.TimedOut:
		p.err = ErrTimeout
	case m.OK:
		p.reply = append([]byte{}, m.Body...)
	default:
		p.err = &FaultError{Text: string(m.Body)}
	}
	p.answered <- struct{}{}
}

// fail answers all calls, and those to come, with an error, because the connection has ended
// that they were sent by, up to a position.
func (s *calls) fail(err error, sent uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
	lost, kept := fmt.Errorf("%w: %w", ErrMayHaveRun, err), notSent(err)
	for id, p := range s.open {
		delete(s.open, id)
		p.err = lost
		if p.position >= sent {
			p.err = kept
		}
		p.answered <- struct{}{}
	}
}

// accept takes calls again.
func (s *calls) accept() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = nil
}

// recycle takes a call back. Nothing must be on its way to it.
func (s *calls) recycle(p *call) {
	p.reply, p.err, p.deadline = nil, nil, time.Time{}
	s.pool.Put(p)
}
