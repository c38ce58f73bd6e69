package overlay

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/project-iris/iris/overlay/wire"
)

// links are the other nodes that there is a link to. To look one up takes no lock: the
// table is replaced when a link comes up or goes down, which is rare.
type links struct {
	mu    sync.Mutex // held to replace the table
	table atomic.Pointer[map[wire.NodeID]*remote]
}

// all returns the nodes that there is a link to. It is not to be modified.
func (l *links) all() map[wire.NodeID]*remote {
	if table := l.table.Load(); table != nil {
		return *table
	}
	return nil
}

// get returns a node that there is a link to, or nil.
func (l *links) get(id wire.NodeID) *remote { return l.all()[id] }

// linked reports whether there is a link to a node that has not ended.
func (l *links) linked(id wire.NodeID) bool {
	r := l.get(id)
	return r != nil && !r.Ended()
}

func (l *links) add(r *remote) { l.change(func(table map[wire.NodeID]*remote) { table[r.ID()] = r }) }

func (l *links) remove(r *remote) {
	l.change(func(table map[wire.NodeID]*remote) { delete(table, r.ID()) })
}

func (l *links) change(change func(map[wire.NodeID]*remote)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	table := maps.Clone(l.all())
	if table == nil {
		table = make(map[wire.NodeID]*remote)
	}
	change(table)
	l.table.Store(&table)
}
