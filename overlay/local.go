package overlay

import (
	"context"
	"time"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/overlay/multicast"
	"github.com/project-iris/iris/overlay/names"
)

// local is a member as the names know it.
type local struct{ *Member }

// Load is how many requests and tunnels the member has in hand.
func (l local) Load() int64 { return l.load.Load() }

// Take counts one more. Overlay.mu is held.
func (l local) Take() { l.load.Add(1) }

// Cost is what one more would cost.
func (l local) Cost(now time.Time) float64 { return l.gauge.CostWith(now, l.load.Load()) }

// Room is whether the member takes requests. Overlay.mu guards it.
func (l local) Room() *names.Room { return &l.room }

// Open reports whether a request of the member still waits for its answer.
func (l local) Open(token uint64) bool { return l.asked.Has(token) }

// unlock unlocks Overlay.mu, and has the directory told of what has changed meanwhile.
func (o *Overlay) unlock() {
	dirty := o.names.Dirty()
	o.mu.Unlock()
	if dirty && o.net != nil {
		o.net.again()
	}
}

// resume lets those go on who waited.
func (o *Overlay) resume(resumed names.Resumed) {
	for _, who := range resumed.Waiters {
		close(who.(chan struct{}))
	}
	for _, r := range resumed.Requests {
		if m := r.Owner.(local).Member; m.asked.Has(r.Token) {
			m.dispatch(r.Attempt(), false)
		}
	}
}

// members returns the members of a cluster at this node.
func (o *Overlay) membersOf(cluster []byte) []names.Member {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.names.Members(cluster)
}

// subscribersOf returns the subscribers of a topic at this node.
func (o *Overlay) subscribersOf(topic []byte) []names.Member {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.names.Subscribers(topic)
}

// pickLocal picks a member of this node, which has one more in hand then, see
// [names.Names.PickLocal].
func (o *Overlay) pickLocal(cluster []byte, refused *names.Refusals) (to names.Target, full bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.names.PickLocal(cluster, refused)
}

// route picks who gets a request, or holds it.
func (o *Overlay) route(from *Member, a *names.Attempt) (names.Target, names.Verdict) {
	o.mu.Lock()
	defer o.unlock()
	to, verdict := o.names.Route(time.Now(), local{from}, a)
	if verdict == names.Held && o.net != nil {
		o.net.again() // which has it tried again
	}
	return to, verdict
}

// holdForRoom holds a request that nobody has room for.
func (o *Overlay) holdForRoom(from *Member, a *names.Attempt) names.Holding {
	o.mu.Lock()
	defer o.unlock()
	holding := o.names.HoldForRoom(time.Now(), local{from}, a)
	if holding == names.HoldsIt && o.net != nil {
		o.net.again()
	}
	return holding
}

// refused notes that a member of this node has refused a request.
func (o *Overlay) refused(to names.Target) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.names.Refused(to)
}

// fill hands a request that waits for room to one who serves the same cluster as a member. It
// reports whether there was one, and room.
func (o *Overlay) fill(m *Member) bool {
	o.mu.Lock()
	resumed := o.names.Fill(local{m})
	o.mu.Unlock()
	o.resume(resumed)
	return len(resumed.Requests) > 0
}

// answeredAway lets others go on that wait for room, as another node has answered a request
// to the cluster that had waited.
func (o *Overlay) answeredAway(cluster string) {
	o.mu.Lock()
	resumed := o.names.Answered(cluster)
	o.unlock()
	o.resume(resumed)
}

// unhold takes a request out that was answered while it was held.
func (o *Overlay) unhold(from *Member, token uint64) {
	o.mu.Lock()
	defer o.unlock()
	o.names.Unhold(local{from}, token)
}

// tunnelTarget picks who gets a tunnel, and waits for a member if there is none.
func (o *Overlay) tunnelTarget(ctx context.Context, cluster []byte, refused *names.Refusals) (names.Target, error) {
	o.mu.Lock()
	defer o.unlock()
	for {
		if err := ctx.Err(); err != nil {
			return names.Target{}, err
		}
		to, verdict := o.names.Pick(time.Now(), cluster, refused)
		if verdict == names.Picked {
			return to, nil
		}
		if err := o.refusal(); err != nil {
			return names.Target{}, err
		}
		if verdict == names.Refused {
			return names.Target{}, ErrNoMember
		}
		joined := make(chan struct{})
		o.names.Wait(time.Now(), cluster, joined)
		o.await(ctx, joined)
		o.names.StopWaiting(cluster, joined)
		*refused = names.Refusals{Anyway: true} // they had no member, and may have one now
	}
}

// await waits for a channel to be closed, or the context to end. Overlay.mu is held, and
// released meanwhile.
func (o *Overlay) await(ctx context.Context, done <-chan struct{}) {
	o.unlock()
	defer o.mu.Lock()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// routeToMembers returns the route to other nodes that have members of a cluster, nil if
// there is none to look for.
func (o *Overlay) routeToMembers(cluster []byte) *multicast.Route {
	if o.net == nil {
		return nil
	}
	o.mu.Lock()
	return o.routeTo(o.names.ToMembers(cluster))
}

// routeToSubscribers returns the route to other nodes that have subscribers of a topic.
func (o *Overlay) routeToSubscribers(topic []byte) *multicast.Route {
	if o.net == nil {
		return nil
	}
	o.mu.Lock()
	return o.routeTo(o.names.ToSubscribers(topic))
}

// routeTo returns the route to the nodes of a place, after these have become known or
// knowTimeout has passed. Overlay.mu is held, and released.
func (o *Overlay) routeTo(p *names.Place) *multicast.Route {
	defer o.unlock()
	if p == nil {
		return nil
	}
	if !p.Known() {
		ctx, cancel := context.WithTimeout(o.net.ctx, knowTimeout)
		defer cancel()
		known := make(chan struct{})
		p.AwaitKnown(known)
		o.await(ctx, known)
		p.StopAwaiting(known)
	}
	return p.Route().(*multicast.Route)
}

// changed takes over what the directory knows about a name.
func (o *Overlay) changed(c directory.Changed) names.Resumed {
	o.mu.Lock()
	defer o.unlock()
	return o.names.Changed(time.Now(), c)
}
