package remote

import (
	"sync"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// mostUnsent is how many messages wait for the link to one node. The directory says little
// before it has heard anything, and repeats what is dropped.
const mostUnsent = 32

// Unsent is what directories have to say to nodes that there is no link to yet. The zero
// Unsent is empty. It is safe for concurrent use.
type Unsent struct {
	mu       sync.Mutex
	messages map[transport.PeerID][]wire.Message
}

// Add keeps a message for a node, and reports whether there was room.
func (u *Unsent) Add(to transport.PeerID, m wire.Message) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.messages[to]) >= mostUnsent {
		return false
	}
	if u.messages == nil {
		u.messages = make(map[transport.PeerID][]wire.Message)
	}
	u.messages[to] = append(u.messages[to], m)
	return true
}

// Take returns what waits for a node, in order, and forgets it.
func (u *Unsent) Take(to transport.PeerID) []wire.Message {
	u.mu.Lock()
	defer u.mu.Unlock()
	waiting := u.messages[to]
	delete(u.messages, to)
	return waiting
}

// Prune forgets what waits for those that are no members.
func (u *Unsent) Prune(member func(transport.PeerID) bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for id := range u.messages {
		if !member(id) {
			delete(u.messages, id)
		}
	}
}
