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
			m.dispatch(r.Token, []byte(r.Cluster), r.Body, r.Deadline, names.Refusals{}, false)
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

// pickLocal picks a member of this node, which has one more in hand then.
func (o *Overlay) pickLocal(cluster []byte, refused *names.Refusals) *Member {
	o.mu.Lock()
	defer o.mu.Unlock()
	if m := o.names.PickLocal(cluster, refused); m != nil {
		return m.(local).Member
	}
	return nil
}

// pickOrHold picks who gets a request, or holds it if that is nobody.
func (o *Overlay) pickOrHold(from *Member, token uint64, cluster, body []byte, deadline time.Time, refused *names.Refusals) (to names.Target, verdict names.Verdict, held bool) {
	o.mu.Lock()
	defer o.unlock()
	now := time.Now()
	to, verdict = o.names.Pick(now, cluster, refused)
	if verdict == names.Nobody {
		held = o.hold(now, from, token, cluster, body, deadline)
	}
	return to, verdict, held
}

// holdForRoom holds a request that found no room on the way to those who serve its cluster.
func (o *Overlay) holdForRoom(from *Member, token uint64, cluster, body []byte, deadline time.Time) bool {
	o.mu.Lock()
	defer o.unlock()
	return o.hold(time.Now(), from, token, cluster, body, deadline)
}

// hold holds a request, unless it was answered meanwhile, by its deadline. Overlay.mu is
// held.
func (o *Overlay) hold(now time.Time, from *Member, token uint64, cluster, body []byte, deadline time.Time) bool {
	if !from.asked.Has(token) {
		return true
	}
	held := o.names.Hold(now, local{from}, token, cluster, body, deadline)
	if o.net != nil {
		o.net.again() // which has it tried again
	}
	return held
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
		*refused = names.Refusals{} // they had no member, and may have one now
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
	return o.names.Changed(c)
}
