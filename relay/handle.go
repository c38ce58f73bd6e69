package relay

import (
	"errors"
	"math"
	"time"

	"github.com/project-iris/iris/relay/policy"
	"github.com/project-iris/iris/relay/wire"
)

// errSecondInit says that an application attached twice.
var errSecondInit = errors.New("INIT after INIT")

// handle does what a frame asks for. An error ends the session.
func (s *session) handle(m wire.Message) error {
	if s.closing {
		s.handleClosing(m)
		return nil
	}
	s.awaitSubscriptions(m)
	switch m := m.(type) {
	case *wire.Request:
		s.request(m)
	case *wire.Reply:
		s.reply(m)
	case *wire.Publish:
		if !s.access.drops(policy.Publish, m.Topic, &s.relay.counters.eventsForbidden) {
			s.backlog.send(eventKind, m.Topic, m.Event)
		}
	case *wire.Broadcast:
		if !s.access.drops(policy.Broadcast, m.Cluster, &s.relay.counters.broadcastsForbidden) {
			s.backlog.send(broadcastKind, m.Cluster, m.Message)
		}
	case *wire.Subscribe:
		return s.subscribe(m)
	case *wire.Unsubscribe:
		s.member.Unsubscribe(m.Topic)
		s.access.release(policy.Subscribe, m.Topic, 0)
	case *wire.TunTransfer:
		s.tunnels.transfer(m)
	case *wire.TunAllow:
		s.tunnels.allow(m)
	case *wire.TunInit:
		return s.tunnels.dial(m)
	case *wire.TunConfirm:
		return s.tunnels.confirm(m)
	case *wire.TunClose:
		s.tunnels.close(m)
	case *wire.Close:
		s.beginDetach()
	case *wire.Init:
		return &wire.ViolationError{Op: m.Op(), Err: errSecondInit}
	}
	return nil
}

// request asks, or answers that the application may not.
func (s *session) request(m *wire.Request) {
	if fault := s.access.refuse(policy.Request, m.Cluster); fault != nil {
		s.relay.counters.requestsForbidden.Add(1)
		s.HandleFault(m.ID, fault)
		return
	}
	s.member.Request(m.ID, m.Cluster, m.Body, duration(m.Timeout))
}

// reply hands an answer of the application on, or sets an option, which looks like one.
func (s *session) reply(m *wire.Reply) {
	switch {
	case m.ID != wire.OptionID:
		s.member.Reply(m.ID, m.OK, m.Body)
	case m.OK && string(m.Body) == wire.OptionFailFast && s.access.mayAny(policy.Request):
		s.member.FailFast()
	}
}

// handleClosing handles a frame after CLOSE: the application may still answer what
// it has in hand, and learns that a tunnel which it confirms is gone. The rest is dropped.
func (s *session) handleClosing(m wire.Message) {
	switch m := m.(type) {
	case *wire.Reply:
		s.member.Reply(m.ID, m.OK, m.Body)
	case *wire.TunConfirm:
		_ = s.tunnels.confirm(m) // no offer stands, so there is nothing to get wrong
	}
}

// awaitSubscriptions waits until others know what the application has subscribed to. It comes
// before each frame that another application may answer with an event. Subscriptions that
// follow each other are waited for once.
func (s *session) awaitSubscriptions(m wire.Message) {
	if !s.subscribing {
		return
	}
	switch m.(type) {
	case *wire.Subscribe, *wire.Unsubscribe, *wire.Close:
	default:
		s.subscribing = false
		s.member.AwaitConfirmation(s.ctx)
	}
}

func (s *session) subscribe(m *wire.Subscribe) error {
	var err error
	if s.access.take(policy.Subscribe, m.Topic, 0, func() { err = s.member.Subscribe(m.Topic) }) != nil {
		s.relay.counters.subscriptionsForbidden.Add(1)
		return nil
	}
	s.subscribing = true
	if err != nil {
		return overLimit(m.Op(), err)
	}
	return nil
}

// duration converts milliseconds of the protocol; what exceeds the range of a
// time.Duration, 292 years, is cut to it.
func duration(ms uint64) time.Duration {
	if ms > math.MaxInt64/uint64(time.Millisecond) {
		return math.MaxInt64
	}
	return time.Duration(ms) * time.Millisecond
}

// milliseconds converts to those of the protocol, rounded up, and at least one: to
// some bindings zero means no timeout.
func milliseconds(d time.Duration) uint64 {
	ms := d / time.Millisecond
	if d%time.Millisecond > 0 {
		ms++
	}
	return uint64(max(ms, 1))
}
