package relay

import "sync/atomic"

// Stats counts what a relay has done since it was made. Every message that was
// dropped or refused is in exactly one of the counts.
type Stats struct {
	Attached           int64  // applications that are attached now
	Denied             uint64 // attaches that were refused
	Violations         uint64 // connections that ended because they broke the protocol
	Unattached         uint64 // connections that ended because no INIT came in time
	Limited            uint64 // connections that ended because they met a limit of the node that has no answer
	ConnectionsRefused uint64 // connections over Config.Connections
	ConnectionsEvicted uint64 // connections that had not attached, and made room for others
	Stalled            uint64 // connections that ended because the application did not read

	EventsDropped     uint64 // events whose receiver was too slow
	BroadcastsDropped uint64 // broadcasts whose receiver was too slow
	EventsUnsent      uint64 // events that still waited for a way to other nodes when their application had been gone for a while
	BroadcastsUnsent  uint64 // broadcasts that did
	RequestsRefused   uint64 // requests that a member's full queue refused
	ResultsReplaced   uint64 // answers that became faults, as the caller did not read
	TunnelsRefused    uint64 // tunnels over Config.Tunnels, or refused by a full queue
	TunnelsBroken     uint64 // tunnels that ended because a side broke the protocol
	FlushesAbandoned  uint64 // closed tunnels whose receiver did not take what was left

	// What the policy has forbidden, or its limits. A registration that it forbids is in Denied.
	RequestsForbidden      uint64 // answered with a fault
	EventsForbidden        uint64 // dropped
	BroadcastsForbidden    uint64 // dropped
	SubscriptionsForbidden uint64 // not made, or ended by a new policy
	TunnelsForbidden       uint64 // not built, or ended by a new policy
	Expelled               uint64 // connections that a new policy has ended
}

// counters are the live form of Stats.
type counters struct {
	attached                                      atomic.Int64
	denied, violations, unattached, stalled       atomic.Uint64
	eventsDropped, broadcastsDropped              atomic.Uint64
	eventsUnsent, broadcastsUnsent                atomic.Uint64
	connectionsRefused, connectionsEvicted        atomic.Uint64
	limited                                       atomic.Uint64
	requestsRefused, resultsReplaced              atomic.Uint64
	tunnelsRefused, tunnelsBroken, flushAbandoned atomic.Uint64
	requestsForbidden, eventsForbidden            atomic.Uint64
	broadcastsForbidden, subscriptionsForbidden   atomic.Uint64
	tunnelsForbidden, expelled                    atomic.Uint64
}

// Stats returns the counts. It may be called at any time.
func (r *Relay) Stats() Stats {
	c := &r.counters
	return Stats{
		Attached:           c.attached.Load(),
		Denied:             c.denied.Load(),
		Violations:         c.violations.Load(),
		Unattached:         c.unattached.Load(),
		Limited:            c.limited.Load(),
		ConnectionsRefused: c.connectionsRefused.Load(),
		ConnectionsEvicted: c.connectionsEvicted.Load(),
		Stalled:            c.stalled.Load(),
		EventsDropped:      c.eventsDropped.Load(),
		BroadcastsDropped:  c.broadcastsDropped.Load(),
		EventsUnsent:       c.eventsUnsent.Load(),
		BroadcastsUnsent:   c.broadcastsUnsent.Load(),
		RequestsRefused:    c.requestsRefused.Load(),
		ResultsReplaced:    c.resultsReplaced.Load(),
		TunnelsRefused:     c.tunnelsRefused.Load(),
		TunnelsBroken:      c.tunnelsBroken.Load(),
		FlushesAbandoned:   c.flushAbandoned.Load(),

		RequestsForbidden:      c.requestsForbidden.Load(),
		EventsForbidden:        c.eventsForbidden.Load(),
		BroadcastsForbidden:    c.broadcastsForbidden.Load(),
		SubscriptionsForbidden: c.subscriptionsForbidden.Load(),
		TunnelsForbidden:       c.tunnelsForbidden.Load(),
		Expelled:               c.expelled.Load(),
	}
}
