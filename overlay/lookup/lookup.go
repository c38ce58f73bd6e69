// Package lookup finds who serves a name: it keeps the names of a node and its directory, each
// under its lock, tells each what has changed in the other, and lets those go on who waited.
//
// # Locks
//
// Lookup.directoryLock guards the directory and the confirmations, Lookup.mu the names. The
// second may be locked while the first is held, and neither is held while an [Owner] is
// called, but for its Send.
package lookup

import (
	"context"
	"sync"
	"time"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// sweepEvery is how often names that nobody has sent to since the last time are given up.
const sweepEvery = time.Minute

// maxChanges is how often the directory is told of changed names before others have a turn with
// it: enough for twice as many names as there may be.
const maxChanges = 256

// Owner is told what a [Lookup] wants done.
type Owner interface {
	// Resume lets a request go on that was held.
	Resume(r *names.Request)
	// Send sends a message of the directory, which may be lost. It must not block.
	Send(to transport.PeerID, m wire.Message)
	// Members returns who is in the network, as far as is known.
	Members() *directory.Members
	// Sweep is called every minute.
	Sweep()
}

// Config configures a [Lookup].
type Config struct {
	Names names.Config
	Owner Owner
	// Self, Epoch and Seed are those of the directory. They are not used where Names has no
	// Hasher: this node is alone then.
	Self        transport.PeerID
	Epoch, Seed uint64
}

// Lookup finds who serves a name. Its methods are safe for concurrent use.
type Lookup struct {
	owner  Owner
	hasher *directory.Hasher // nil: this node is alone
	dirty  chan struct{}     // holds one when the directory or what waits may have something to do

	mu    sync.Mutex
	names *names.Names

	directoryLock sync.Mutex
	directory     *directory.Directory
	confirmations confirmations
}

// New returns a lookup that knows no name.
func New(config Config) *Lookup {
	l := &Lookup{
		owner: config.Owner, hasher: config.Names.Hasher, names: names.New(config.Names), dirty: make(chan struct{}, 1),
	}
	l.confirmations.waiting = make(map[uint64]chan<- bool)
	if !l.alone() {
		l.directory = directory.New(directory.Config{Self: config.Self, Epoch: config.Epoch, Seed: config.Seed})
	}
	return l
}

func (l *Lookup) alone() bool { return l.hasher == nil }

// Rename changes what clusters and topics are called between nodes, see [names.Names.Rename].
func (l *Lookup) Rename(hasher *directory.Hasher, also []*directory.Hasher) {
	l.mu.Lock()
	l.names.Rename(hasher, also)
	l.mu.Unlock()
	l.LookSoon()
}

// Run feeds the directory with what changes on this node, and with time, until the context
// ends.
func (l *Lookup) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-sweep.C:
			l.Sweep()
			l.owner.Sweep()
		case <-l.dirty:
		case <-timer.C:
		}
		next := l.stepChanges(nil)
		timer.Reset(time.Until(l.retry(next)))
	}
}

// LookSoon has the directory and what waits looked at soon. It locks nothing.
func (l *Lookup) LookSoon() {
	select {
	case l.dirty <- struct{}{}:
	default:
	}
}

// Sweep stops to look up what nobody has sent to since the last sweep.
func (l *Lookup) Sweep() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.names.Sweep()
}

// LinkUp says that there is a link to a node, which what waits may go on by.
func (l *Lookup) LinkUp(id transport.PeerID) {
	l.mu.Lock()
	l.names.Linked(id)
	l.mu.Unlock()
	l.LookSoon()
}

// Step lets the directory handle an event.
func (l *Lookup) Step(event directory.Event) {
	l.directoryLock.Lock()
	resumed, _ := l.step([]directory.Event{event})
	l.directoryLock.Unlock()
	l.resume(resumed)
	l.LookSoon()
}

// stepChanges lets the directory handle what has changed on this node, and then one more
// event, if there is one, which is made while the directory is locked. It returns when the
// directory wants to be called again.
func (l *Lookup) stepChanges(more func() directory.Event) (next time.Time) {
	l.directoryLock.Lock()
	// Nobody tells the directory more before it knows these.
	resumed, next := l.step([]directory.Event{directory.Membership{Members: l.owner.Members()}, directory.Tick{}})
	for range maxChanges {
		l.mu.Lock()
		changes := l.names.Changes()
		l.mu.Unlock()
		if len(changes) == 0 {
			break
		}
		var resumes names.Resumed
		resumes, next = l.step(changes)
		resumed.Add(resumes)
	}
	if more != nil {
		var resumes names.Resumed
		resumes, next = l.step([]directory.Event{more()})
		resumed.Add(resumes)
	}
	l.directoryLock.Unlock()
	l.resume(resumed)
	if more != nil {
		l.LookSoon()
	}
	return next
}

// step lets the directory handle events, and does what it wants. The directory is locked.
func (l *Lookup) step(events []directory.Event) (resumed names.Resumed, next time.Time) {
	for _, event := range events {
		for _, action := range l.directory.Step(time.Now(), event) {
			switch action := action.(type) {
			case directory.Send:
				l.owner.Send(action.To, action.Message)
			case directory.Changed:
				resumed.Add(l.changed(action))
			case directory.Confirmed:
				l.confirmations.confirmed(action.Token, !action.Silent)
			}
		}
		if watch, ok := event.(directory.Watch); ok {
			// It is no news to the directory if the name was watched until just now.
			if nodes, known := l.directory.Lookup(watch.Name); known {
				resumed.Add(l.changed(directory.Changed{Name: watch.Name, Nodes: nodes, Known: known}))
			}
		}
	}
	next, ok := l.directory.Next()
	if !ok {
		next = time.Now().Add(time.Hour)
	}
	return resumed, next
}

// changed takes over what the directory knows about a name.
func (l *Lookup) changed(c directory.Changed) names.Resumed {
	l.mu.Lock()
	defer l.unlock()
	return l.names.Changed(time.Now(), c)
}

// retry tries again what waits and is due, and returns when it wants to be called again, or
// next if that is earlier.
func (l *Lookup) retry(next time.Time) time.Time {
	l.mu.Lock()
	resumed := l.names.Retry(time.Now())
	l.mu.Unlock()
	l.resume(resumed)
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, ok := l.names.Next(); ok && at.Before(next) {
		return at
	}
	return next
}

// unlock unlocks the names, and has the directory told of what has changed meanwhile.
func (l *Lookup) unlock() {
	dirty := l.names.Dirty()
	l.mu.Unlock()
	if dirty {
		l.LookSoon()
	}
}

// resume lets those go on who waited.
func (l *Lookup) resume(resumed names.Resumed) {
	for _, who := range resumed.Waiters {
		close(who.(chan struct{}))
	}
	for _, r := range resumed.Requests {
		l.owner.Resume(r)
	}
}

// Stats is what the names count.
func (l *Lookup) Stats() names.Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.names.Stats()
}

// Directory is what the directory counts. It is not called where this node is alone.
func (l *Lookup) Directory() directory.Stats {
	l.directoryLock.Lock()
	defer l.directoryLock.Unlock()
	return l.directory.Stats()
}
