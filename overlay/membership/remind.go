package membership

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/project-iris/iris/transport"
)

const (
	// remindInterval is how often a suspect is told that it is one.
	remindInterval = 100 * time.Millisecond
	// remindTime is how long: a suspicion takes about as long in a small network, and
	// in a large one there are many that remind.
	remindTime = suspicionMult * ProbeInterval
)

// reminders tell suspects that they are suspected, so that those who can hear it object
// in time. Memberlist tells it as often as any news, which may all be over while the
// suspect still pauses, and with its next probe of the suspect. A node that was cut off
// itself hardly probes any more when it is back, as it doubts itself by then, but does
// not wait longer before it declares the others dead.
type reminders struct {
	woken chan struct{} // holds one when there is a new suspect

	mu       sync.Mutex
	suspects map[transport.PeerID]suspect
}

type suspect struct {
	message []byte
	until   time.Time
}

func newReminders() *reminders {
	return &reminders{woken: make(chan struct{}, 1), suspects: make(map[transport.PeerID]suspect)}
}

// sent looks for news in a packet that memberlist sends: it passes on all suspicions
// that it takes over, and also that they are over.
func (r *reminders) sent(packet []byte) {
	for message := range messages(packet) {
		switch message[0] {
		case typeSuspect:
			r.add(subject(message), message)
		case typeAlive, typeDead:
			r.remove(subject(message))
		}
	}
}

// subject returns the node that a message is about, zero for none.
func subject(message []byte) (id transport.PeerID) {
	scan := &scanner{src: bytes.NewReader(message[1:])}
	_ = scan.object(func(name string, v value) {
		if name == "Node" {
			id, _ = parseName(string(v.raw))
		}
	})
	return id
}

func (r *reminders) add(id transport.PeerID, message []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.suspects[id]; known || id.IsZero() {
		return
	}
	r.suspects[id] = suspect{message: bytes.Clone(message), until: time.Now().Add(remindTime)}
	select {
	case r.woken <- struct{}{}:
	default:
	}
}

func (r *reminders) remove(id transport.PeerID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.suspects, id)
}

// run reminds suspects until the context ends. Without suspects it rests.
func (r *reminders) run(ctx context.Context, carrier Carrier) {
	for {
		select {
		case <-r.woken:
		case <-ctx.Done():
			return
		}
		for {
			if sleep(ctx, remindInterval) != nil {
				return
			}
			suspects := r.current()
			if len(suspects) == 0 {
				break
			}
			for id, message := range suspects {
				carrier.SendPacket(id, message)
			}
		}
	}
}

// current returns what suspects are to be told, and drops those that were told enough.
func (r *reminders) current() map[transport.PeerID][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	current := make(map[transport.PeerID][]byte, len(r.suspects))
	for id, s := range r.suspects {
		if !now.Before(s.until) {
			delete(r.suspects, id)
			continue
		}
		current[id] = s.message
	}
	return current
}
