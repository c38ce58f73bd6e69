package sealed

import (
	"sync"

	"github.com/project-iris/iris/transport"
)

// senders are the nodes of which a packet was accepted, a bounded number.
type senders struct {
	limit int

	mu      sync.Mutex // held for a look into the table, never for cryptography
	byID    map[transport.PeerID]*sender
	ring    sender // before it the one that has spoken last, after it the one silent for longest
	evicted uint64
}

// A sender is an entry, in a ring by the time of the last packet that was accepted.
type sender struct {
	id            transport.PeerID
	window        window
	before, after *sender
}

func (s *senders) init(limit int) {
	s.limit = limit
	s.byID = make(map[transport.PeerID]*sender)
	s.ring.before, s.ring.after = &s.ring, &s.ring
}

// accept takes in a packet that was opened, or says why it is refused.
func (s *senders) accept(from transport.PeerID, epoch, counter uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, known := s.byID[from]
	if !known {
		one = s.add(from)
	}
	if err := one.window.accept(epoch, counter); err != nil {
		return err
	}
	one.leave()
	one.enter(&s.ring)
	return nil
}

// add makes an entry, in the place of the one that was silent for longest if there is no
// room.
func (s *senders) add(id transport.PeerID) *sender {
	one := &sender{}
	if len(s.byID) >= s.limit {
		one = s.ring.after
		one.leave()
		delete(s.byID, one.id)
		s.evicted++
	}
	*one = sender{id: id}
	one.enter(&s.ring)
	s.byID[id] = one
	return one
}

// enter puts an entry before another one.
func (s *sender) enter(next *sender) {
	s.before, s.after = next.before, next
	s.before.after, s.after.before = s, s
}

func (s *sender) leave() { s.before.after, s.after.before = s.after, s.before }
