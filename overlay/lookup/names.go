package lookup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/wire"
)

// ErrRefused says that all who serve a cluster have refused.
var ErrRefused = errors.New("all that serve the cluster have refused")

// knowTimeout is how long the first message to a name waits until it is known where the name
// is served, which may take links to those who know. After that it goes where it is known to be.
const knowTimeout = 3 * time.Second

// Attach adds a member, which serves the named cluster unless that is empty. What waits for
// the cluster is handed to it before Attach returns. It fails when the node may serve no more
// names.
func (l *Lookup) Attach(m names.Member, cluster string) error {
	l.mu.Lock()
	resumed, err := l.names.Attach(m, cluster)
	l.unlock()
	if err != nil {
		return err
	}
	l.resume(resumed)
	if cluster != "" {
		l.MakeRoom(m)
	}
	return nil
}

// Leave takes a member out of its cluster.
func (l *Lookup) Leave(m names.Member) {
	l.mu.Lock()
	resumed := l.names.Leave(m)
	l.unlock()
	l.resume(resumed)
}

// Detach forgets a member, its subscriptions and what it has waiting.
func (l *Lookup) Detach(m names.Member) {
	l.mu.Lock()
	resumed := l.names.Detach(m)
	l.unlock()
	l.resume(resumed)
}

// Subscribe and Unsubscribe change which topics a member is subscribed to. Subscribe fails with
// [names.ErrTooManyTopics].
func (l *Lookup) Subscribe(m names.Member, topic []byte) error {
	l.mu.Lock()
	defer l.unlock()
	return l.names.Subscribe(m, string(topic))
}

// Unsubscribe ends a subscription.
func (l *Lookup) Unsubscribe(m names.Member, topic []byte) {
	l.mu.Lock()
	defer l.unlock()
	l.names.Unsubscribe(m, string(topic))
}

// Drain lets nobody wait any more. It returns the requests that were held.
func (l *Lookup) Drain() []*names.Request {
	l.mu.Lock()
	resumed := l.names.Drain()
	l.unlock()
	l.resume(names.Resumed{Waiters: resumed.Waiters})
	return resumed.Requests
}

// MembersHere returns the members of a cluster at this node, to whom a broadcast is delivered.
func (l *Lookup) MembersHere(cluster []byte) []names.Member {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.names.Deliver(cluster)
}

// SubscribersHere returns the subscribers of a topic at this node, to whom an event is delivered.
func (l *Lookup) SubscribersHere(topic []byte) []names.Member {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.names.DeliverEvent(topic)
}

// Route returns the route of a kind of message to other nodes, those that have members of the cluster
// or subscribers of the topic, as soon as these are known, or after three seconds, or with the
// context. It returns nil if there is none to look for, with the limit of the node where the name
// cannot be looked up for that.
func (l *Lookup) Route(ctx context.Context, from names.Member, kind wire.Kind, name []byte) (to names.Route, limit error) {
	if l.alone() {
		return nil, nil
	}
	l.mu.Lock()
	defer l.unlock()
	p, limit := l.place(from, kind, name)
	l.awaitKnown(ctx, p)
	return routeTo(p), limit
}

// TryRoute is Route for somebody who does not wait: where that would, known is false.
func (l *Lookup) TryRoute(from names.Member, kind wire.Kind, name []byte) (to names.Route, known bool, limit error) {
	if l.alone() {
		return nil, true, nil
	}
	l.mu.Lock()
	defer l.unlock()
	p, limit := l.place(from, kind, name)
	return routeTo(p), p == nil || p.Known(), limit
}

// place returns where else the receivers of a kind of message are, or nil, with the limit if one was
// met. The names are locked.
func (l *Lookup) place(from names.Member, kind wire.Kind, name []byte) (*names.Place, error) {
	find, limit := l.names.ToMembers, l.names.Limit
	if kind == wire.KindEvent {
		find, limit = l.names.ToSubscribers, l.names.TopicLimit
	}
	if p := find(from, name); p != nil {
		return p, nil
	}
	return nil, limit(name)
}

// routeTo returns the route to the nodes of a place, which may be nil. The names are locked.
func routeTo(p *names.Place) names.Route {
	if p == nil {
		return nil
	}
	return p.Route()
}

// awaitKnown waits until enough is known about a place, which may be nil. The names are locked,
// and unlocked meanwhile.
func (l *Lookup) awaitKnown(ctx context.Context, p *names.Place) {
	if p == nil || p.Known() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, knowTimeout)
	defer cancel()
	known := make(chan struct{})
	p.AwaitKnown(known)
	l.await(ctx, known)
	p.StopAwaiting(known)
}

// await waits for a channel to be closed, or the context to end. The names are locked, and
// unlocked meanwhile.
func (l *Lookup) await(ctx context.Context, done <-chan struct{}) {
	l.unlock()
	defer l.mu.Lock()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// Pick picks who gets a tunnel, and waits for a member if there is none. It fails with
// [ErrRefused], with the context's error, and with what refusal says, which is asked whenever
// nobody is found.
func (l *Lookup) Pick(ctx context.Context, from names.Member, cluster []byte, refused *names.Refusals, refusal func() error) (names.Target, error) {
	l.mu.Lock()
	defer l.unlock()
	for {
		if err := ctx.Err(); err != nil {
			return names.Target{}, err
		}
		to, verdict := l.names.Pick(time.Now(), from, cluster, refused)
		if verdict == names.Picked {
			return to, nil
		}
		if err := refusal(); err != nil {
			return names.Target{}, err
		}
		if verdict == names.Refused {
			if limit := l.names.Limit(cluster); limit != nil {
				return names.Target{}, fmt.Errorf("%w: %w", ErrRefused, limit)
			}
			return names.Target{}, ErrRefused
		}
		joined := make(chan struct{})
		l.names.Wait(time.Now(), from, cluster, joined)
		l.await(ctx, joined)
		l.names.StopWaiting(cluster, joined)
		*refused = names.Refusals{Anyway: true} // they had no member, and may have one now
	}
}

// PickHere picks a member of this node, see [names.Names.PickLocal].
func (l *Lookup) PickHere(cluster []byte, refused *names.Refusals) (to names.Target, full names.Member) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.names.PickLocal(cluster, refused)
}

// PickOrHold picks who gets a request, or holds it. The time is about now.
func (l *Lookup) PickOrHold(now time.Time, from names.Member, a *names.Attempt) (names.Target, names.Verdict) {
	l.mu.Lock()
	defer l.unlock()
	to, verdict := l.names.PickOrHold(now, from, a)
	if verdict == names.Held {
		l.LookSoon() // which has it tried again
	}
	return to, verdict
}

// HoldForRoom holds a request that nobody has room for.
func (l *Lookup) HoldForRoom(from names.Member, a *names.Attempt) names.Holding {
	l.mu.Lock()
	defer l.unlock()
	holding := l.names.HoldForRoom(time.Now(), from, a)
	if holding == names.HoldsIt {
		l.LookSoon()
	}
	return holding
}

// Unhold takes a request out that was answered while it was held, and reports whether it was.
func (l *Lookup) Unhold(from names.Member, token uint64) bool {
	l.mu.Lock()
	defer l.unlock()
	return l.names.Unhold(from, token)
}

// Fewer lets requests of a member go on that wait as it has its part: see [names.Names.Fewer].
func (l *Lookup) Fewer(m names.Member) {
	l.mu.Lock()
	resumed := l.names.Fewer(m)
	l.unlock()
	l.resume(resumed)
}

// Refused notes that a member of this node has refused a request.
func (l *Lookup) Refused(to names.Target) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.names.Refused(to)
}

// MakeRoom says that a member has room for requests again, and hands over what waits for that.
func (l *Lookup) MakeRoom(m names.Member) {
	l.mu.Lock()
	l.names.MakeRoom(m)
	l.mu.Unlock()
	for {
		l.mu.Lock()
		resumed := l.names.Fill(m)
		l.mu.Unlock()
		if len(resumed.Requests) == 0 {
			return
		}
		l.resume(resumed)
	}
}

// Answered lets others go on that wait for room, as another node has answered a request to the
// cluster that had waited.
func (l *Lookup) Answered(cluster string) {
	l.mu.Lock()
	resumed := l.names.Answered(cluster)
	l.unlock()
	l.resume(resumed)
}

// List returns names, see [names.Names.List].
func (l *Lookup) List(most int) []names.Listed {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.names.List(most)
}

// View returns what is known of a cluster, see [names.Names.View].
func (l *Lookup) View(cluster []byte) names.View {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.names.View(time.Now(), cluster)
}

// Account returns what a member has of names.
func (l *Lookup) Account(m names.Member) names.Account {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.names.Account(m)
}
