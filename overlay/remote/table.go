package remote

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/transport"
)

// Table is the other nodes that there is a link to. The zero Table has none. To look one up
// takes no lock: the table is replaced when a link comes up or goes down, which is rare.
type Table struct {
	mu    sync.Mutex // held to replace the table
	table atomic.Pointer[map[transport.PeerID]*Remote]
}

// All returns the nodes that there is a link to. It is not to be modified.
func (t *Table) All() map[transport.PeerID]*Remote {
	if table := t.table.Load(); table != nil {
		return *table
	}
	return nil
}

// Get returns a node that there is a link to, or nil.
func (t *Table) Get(id transport.PeerID) *Remote { return t.All()[id] }

// To returns a node that something can be sent to, or nil.
func (t *Table) To(id transport.PeerID) *Remote {
	if r := t.Get(id); r != nil && !r.Ended() && !r.retirement.active.Load() {
		return r
	}
	return nil
}

// Await returns a node that something can be sent to, as soon as there is one. It calls connect
// where there is no link, and waits while one is about to end.
func (t *Table) Await(ctx context.Context, id transport.PeerID, connect func() error) (*Remote, error) {
	for {
		r := t.Get(id)
		if r == nil || r.Ended() {
			if err := connect(); err != nil {
				return nil, err
			}
			continue
		}
		kept := r.Leaving()
		if kept == nil {
			return r, nil
		}
		select {
		case <-kept:
		case <-r.Context().Done():
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// RTT returns the longest round trip of all links.
func (t *Table) RTT() (longest time.Duration) {
	for _, r := range t.All() {
		longest = max(longest, r.Peer().Link().Stats().RTT)
	}
	return longest
}

// Linked reports whether something can be sent to a node.
func (t *Table) Linked(id transport.PeerID) bool { return t.To(id) != nil }

// Add adds a node.
func (t *Table) Add(r *Remote) {
	t.change(func(table map[transport.PeerID]*Remote) { table[r.ID()] = r })
}

// Remove removes a node.
func (t *Table) Remove(r *Remote) {
	t.change(func(table map[transport.PeerID]*Remote) { delete(table, r.ID()) })
}

func (t *Table) change(change func(map[transport.PeerID]*Remote)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	table := maps.Clone(t.All())
	if table == nil {
		table = make(map[transport.PeerID]*Remote)
	}
	change(table)
	t.table.Store(&table)
}
