package remote

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// mostUnsent is how many messages wait for the link to one node. The directory says little
// before it has heard anything, and repeats what is dropped.
const mostUnsent = 32

// lookAgain is how often it is looked at nodes that something waits for. The dial that it has
// waited for may have failed, and the directory says some things once.
const lookAgain = 500 * time.Millisecond

// Unsent is what directories have to say to nodes that there is no link to yet. The zero
// Unsent is not ready: see [NewUnsent]. It is safe for concurrent use.
type Unsent struct {
	added chan struct{} // holds one when something has begun to wait

	mu       sync.Mutex
	messages map[transport.PeerID][]wire.Message
}

// NewUnsent returns an empty Unsent, which [Unsent.Run] has to run.
func NewUnsent() *Unsent {
	return &Unsent{added: make(chan struct{}, 1), messages: make(map[transport.PeerID][]wire.Message)}
}

// Run calls again, every half second, for each node that something waits for, until the context
// ends. It rests while nothing waits.
func (u *Unsent) Run(ctx context.Context, again func(to transport.PeerID)) {
	for {
		select {
		case <-u.added:
		case <-ctx.Done():
			return
		}
		u.look(ctx, again)
	}
}

// look calls again for those that something waits for, until nothing does.
func (u *Unsent) look(ctx context.Context, again func(to transport.PeerID)) {
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	for {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
		nodes := u.nodes()
		if len(nodes) == 0 {
			return
		}
		for _, to := range nodes {
			again(to)
		}
	}
}

// nodes returns those that something waits for.
func (u *Unsent) nodes() []transport.PeerID {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Collect(maps.Keys(u.messages))
}

// Add keeps a message for a node, and reports whether there was room.
func (u *Unsent) Add(to transport.PeerID, m wire.Message) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.messages[to]) >= mostUnsent {
		return false
	}
	u.messages[to] = append(u.messages[to], m)
	select {
	case u.added <- struct{}{}:
	default:
	}
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
