package overlay

import "time"

// expire ends the requests whose deadline has passed: the member's own are
// answered, those in its hands are no longer counted.
func (m *Member) expire() {
	now := time.Now()
	for {
		id, token, own, ok := m.expireOne(now)
		switch {
		case !ok:
			return
		case own:
			m.overlay.drop(m, token)
			m.handler.HandleTimeout(id)
			m.closeRequest()
		default:
			m.unload()
			m.resumeWithOneLess()
		}
	}
}

// expireOne takes out one request whose deadline has passed. If there is none, it
// sets the timer for the next.
func (m *Member) expireOne(now time.Time) (id, token uint64, own, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return 0, 0, false, false
	}
	if token, c, ok := m.calls.Expire(now); ok {
		return c.id, token, true, true
	}
	if _, s, ok := m.served.Expire(now); ok {
		m.gauge.Observe(now, now.Sub(s.since), 0, false)
		return 0, 0, false, true
	}
	m.alarm.rung()
	for _, next := range []func() (time.Time, bool){m.calls.Next, m.served.Next} {
		if at, ok := next(); ok {
			m.alarm.set(at)
		}
	}
	return 0, 0, false, false
}
