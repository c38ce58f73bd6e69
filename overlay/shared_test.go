package overlay

import (
	"bytes"
	"testing"

	"github.com/project-iris/iris/transport/outbox"
)

// sharer is a member that notes what it holds with others.
type sharer struct {
	still
	events, broadcasts []*outbox.Shared // nil: its own
}

func (s *sharer) HandleEvent(_, _ []byte)  { s.events = append(s.events, nil) }
func (s *sharer) HandleBroadcast(_ []byte) { s.broadcasts = append(s.broadcasts, nil) }

func (s *sharer) HandleSharedEvent(_, _ []byte, shared *outbox.Shared) {
	s.events = append(s.events, shared)
}

func (s *sharer) HandleSharedBroadcast(_ []byte, shared *outbox.Shared) {
	s.broadcasts = append(s.broadcasts, shared)
}

// What is large, and for several, is held by all of them together; what is small, or for one, by
// each.
func TestLargeMessagesAreShared(t *testing.T) {
	o := New(Config{})
	t.Cleanup(o.Close)
	attach := func(handler Handler) *Member {
		m, err := o.Attach([]byte("svc"), handler)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Subscribe([]byte("topic")); err != nil {
			t.Fatal(err)
		}
		return m
	}
	var a, b sharer
	m := attach(&a)
	send := func(size int) {
		m.Publish([]byte("topic"), bytes.Repeat([]byte("x"), size))
		m.Broadcast([]byte("svc"), bytes.Repeat([]byte("x"), size))
	}
	send(1 << 20) // for one
	attach(&b)
	attach(&still{})
	send(outbox.ShareFrom - 1)
	send(outbox.ShareFrom)
	for _, s := range []struct {
		name string
		a, b []*outbox.Shared
	}{{"event", a.events, b.events}, {"broadcast", a.broadcasts, b.broadcasts}} {
		switch {
		case len(s.a) != 3 || len(s.b) != 2:
			t.Errorf("%ss: %d and %d came, want 3 and 2", s.name, len(s.a), len(s.b))
		case s.a[0] != nil || s.a[1] != nil || s.b[0] != nil:
			t.Errorf("a small %s, or one for a single member, is shared", s.name)
		case s.a[2] == nil || s.a[2] != s.b[1]:
			t.Errorf("a large %s for three is not shared", s.name)
		}
	}
}
