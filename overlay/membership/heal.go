package membership

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/project-iris/iris/transport"
)

// Remember is how long a node that is believed to be dead is tried again.
const Remember = 24 * time.Hour

const (
	// healMin is the wait before a node that has just been lost is tried; waits grow to
	// healMax, or to healShare for each member where that is more.
	healMin   = 500 * time.Millisecond
	healMax   = 2 * time.Second
	healShare = time.Second
	// healTimeout bounds one try, and healers bounds those at a time.
	healTimeout = 2 * time.Second
	healers     = 4
	// keepDead is how long a node that is gone keeps its entry where there is no room.
	keepDead = time.Minute
	// leaveWindow is how soon after its word a node has to be down to have gone in good
	// order.
	leaveWindow = 2 * time.Second
)

// heal tries nodes that were lost, until the membership is closed.
func (m *Membership) heal() {
	slots := make(chan struct{}, healers)
	for m.ctx.Err() == nil {
		silence := m.lose()
		id, meta, wait := m.roster.due()
		if wait != 0 {
			m.awaitLoss(earlier(wait, silence))
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-m.ctx.Done():
			return
		}
		m.work.Go(func() {
			m.try(id, meta)
			<-slots
		})
	}
}

// earlier returns the shorter of two waits, of which a negative one is for ever.
func earlier(a, b time.Duration) time.Duration {
	if a < 0 || b >= 0 && b < a {
		return b
	}
	return a
}

// awaitLoss waits, for ever if that is negative, or until a node is lost or said to be, or
// a try ends.
func (m *Membership) awaitLoss(wait time.Duration) {
	var after <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		after = timer.C
	}
	select {
	case <-after:
	case <-m.roster.changed:
	case <-m.ctx.Done():
	}
}

// try looks for a node that was lost.
func (m *Membership) try(id transport.PeerID, meta []byte) {
	defer m.roster.retry(id)
	ctx, cancel := context.WithTimeout(m.ctx, healTimeout)
	defer cancel()
	if err := m.config.Reach(ctx, id, meta); err != nil {
		if errors.Is(err, transport.ErrWrongPeer) {
			m.roster.forget(id) // an id is a process, and another one has its address
		}
		return
	}
	if err := m.Join(id); err != nil {
		m.config.Logger.Debug("membership: node is not found again", "peer", id.Short(), "err", err)
	}
}

// Join merges the lists of this node and of another that it has a link to. It blocks
// until that is done, for a few seconds at most.
//
// Nodes that believe each other to be dead hear so of each other, and object. Where
// that reaches only the nodes on the own side it takes another exchange, which follows
// with the next try.
func (m *Membership) Join(peer transport.PeerID) error {
	if _, err := m.list.Join([]string{peer.String() + "/" + address(peer).String()}); err != nil {
		return fmt.Errorf("membership: join %s: %w", peer.Short(), err)
	}
	return nil
}

// sleep waits, unless the context ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
