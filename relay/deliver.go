package relay

import (
	"errors"
	"time"

	"github.com/project-iris/iris/relay/wire"
	"github.com/project-iris/iris/transport/outbox"
)

// faultUnread is the answer to a request whose caller leaves too many unread.
const faultUnread = "overloaded: the caller does not read its answers"

// Addr is from where the application has connected, and Waiting how many bytes wait to be
// written to it: for traces.
func (s *session) Addr() string { return s.name }

// Waiting is described at Addr.
func (s *session) Waiting() int { return s.out.Queued() }

// HandleRequest queues a request for the application.
func (s *session) HandleRequest(id uint64, body []byte, timeout time.Duration) error {
	m := wire.Call{ID: id, Body: body, Timeout: milliseconds(timeout)}
	b, err := s.out.Prompt.Begin(m.Size())
	if err != nil {
		switch {
		case errors.Is(err, outbox.ErrFull):
			s.relay.counters.requestsRefused.Add(1)
			s.dropped.requests.Add(1)
		case outOfMemory(err):
			s.relay.counters.requestsRefused.Add(1)
			s.dropped.requests.Add(1)
			s.relay.warn(s.log, "request for an application is refused", "err", err.Error())
			s.resumeWithMemory(m.Size())
		}
		return err
	}
	s.out.Commit(m.Append(b))
	return nil
}

// HandleBroadcast queues a broadcast for the application.
func (s *session) HandleBroadcast(message []byte) {
	m := wire.Delivery{Message: message}
	b, err := s.throttle.begin(m.Size())
	if err != nil {
		s.throttle.drop(err, &s.relay.counters.broadcastsDropped, &s.dropped.broadcasts)
		return
	}
	s.out.Commit(m.Append(b))
}

// HandleEvent queues an event for the application.
func (s *session) HandleEvent(topic, event []byte) {
	m := wire.Publish{Topic: topic, Event: event}
	b, err := s.throttle.begin(m.Size())
	if err != nil {
		s.throttle.drop(err, &s.relay.counters.eventsDropped, &s.dropped.events)
		return
	}
	s.out.Commit(m.Append(b))
}

// HandleSharedBroadcast queues a broadcast that others of the node are given as well.
func (s *session) HandleSharedBroadcast(message []byte, shared *outbox.Shared) {
	if err := s.throttle.share(shared, &wire.Delivery{Message: message}); err != nil {
		s.throttle.drop(err, &s.relay.counters.broadcastsDropped, &s.dropped.broadcasts)
	}
}

// HandleSharedEvent queues an event that others of the node are given as well.
func (s *session) HandleSharedEvent(topic, event []byte, shared *outbox.Shared) {
	if err := s.throttle.share(shared, &wire.Publish{Topic: topic, Event: event}); err != nil {
		s.throttle.drop(err, &s.relay.counters.eventsDropped, &s.dropped.events)
	}
}

// HandleReply queues the reply to a request of the application.
func (s *session) HandleReply(id uint64, reply []byte) {
	s.result(wire.Result{ID: id, OK: true, Body: reply})
}

// HandleFault queues the fault that a request of the application ended with.
func (s *session) HandleFault(id uint64, text []byte) {
	s.result(wire.Result{ID: id, Body: text})
}

// HandleTimeout queues that a request of the application has timed out.
func (s *session) HandleTimeout(id uint64) {
	s.result(wire.Result{ID: id, TimedOut: true})
}

// result queues an answer, which is never dropped.
func (s *session) result(m wire.Result) {
	if len(m.Body) > len(faultUnread) && s.out.Queued() >= 2*s.limits.queue {
		s.relay.counters.resultsReplaced.Add(1)
		s.dropped.results.Add(1)
		m = wire.Result{ID: m.ID, Body: []byte(faultUnread)}
	}
	b, err := s.out.Prompt.BeginOver(m.Size())
	if outOfMemory(err) {
		s.relay.counters.resultsReplaced.Add(1)
		s.relay.warn(s.log, "answer for an application became a fault", "err", err.Error())
		m = wire.Result{ID: m.ID, Body: []byte("overloaded: " + err.Error())}
		b, err = s.out.Prompt.BeginOver(m.Size())
	}
	if err != nil {
		return // the application is gone
	}
	s.out.Commit(m.Append(b))
}
