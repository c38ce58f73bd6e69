package member

import (
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/overlay/traffic"
)

// Done counts what members of this node have done. A request is in one of the counts of how it
// ended, unless it is open, or its member went first.
type Done struct {
	Requests   uint64 // asked
	Replies    uint64 // of them, that were answered by a reply
	Faults     uint64 // by a fault of a member, or of a node
	Timeouts   uint64 // by a timeout, or as nobody serves the cluster
	Published  uint64 // events sent
	Broadcasts uint64 // broadcasts sent
	Tunnels    uint64 // tunnels built
}

// Stats counts what members of this node have done, and what was refused to them.
type Stats struct {
	Done

	Overloaded   uint64 // requests answered with FaultOverloaded
	Draining     uint64 // requests answered with FaultDraining
	MembersLost  uint64 // requests that a member had in hand when it went, whoever has asked
	PartsMet     uint64 // requests and tunnels that were not taken, as the application or node that asked had its part
	TunnelsUnfit uint64 // tunnels that were not built, as all who were asked refused
	Unconfirmed  uint64 // members that went on before all other nodes knew of their cluster and topics
}

type counters struct {
	requests, replies, faults, timeouts         atomic.Uint64
	published, broadcasts, tunnels              atomic.Uint64
	overloaded, draining, membersLost, partsMet atomic.Uint64
	tunnelsUnfit, unconfirmed                   atomic.Uint64
}

// Stats returns the counts. It may be called at any time.
func (ms *Members) Stats() Stats {
	c := &ms.counters
	return Stats{
		Done: Done{
			Requests:   c.requests.Load(),
			Replies:    c.replies.Load(),
			Faults:     c.faults.Load(),
			Timeouts:   c.timeouts.Load(),
			Published:  c.published.Load(),
			Broadcasts: c.broadcasts.Load(),
			Tunnels:    c.tunnels.Load(),
		},
		Overloaded:   c.overloaded.Load(),
		Draining:     c.draining.Load(),
		MembersLost:  c.membersLost.Load(),
		PartsMet:     c.partsMet.Load(),
		TunnelsUnfit: c.tunnelsUnfit.Load(),
		Unconfirmed:  c.unconfirmed.Load(),
	}
}

// Usage is what a member has under way.
type Usage struct {
	Since    time.Time // when it was attached
	InHand   int64     // requests and tunnels that it was given and has not finished
	Served   int       // of these: requests that it has not answered
	Tunnels  int64     // that others have opened to it, or are about to
	Open     int64     // its own requests, until their answer is delivered
	Asked    int       // of these: those that have no answer
	Held     int       // of these: those that wait at this node for a member, or for room
	HeldSize int       // their bytes
	Topics   int       // that it is subscribed to
}

// Usage returns what the member has under way.
func (m *Member) Usage() Usage {
	a := m.members.lookup.Account(local{m})
	return Usage{
		Since: m.since, InHand: m.load.Load(), Served: m.served.Len(), Tunnels: m.taken.Stats().Used,
		Open: m.open.Load(), Asked: m.asked.Len(),
		Held: a.Held, HeldSize: a.HeldBytes, Topics: a.Topics,
	}
}

// servedCluster is a cluster that members of this node serve.
type servedCluster struct {
	traffic.Served
	members int
}

// serves notes one more member of a cluster, and returns where its requests are counted. The
// lock is held.
func (ms *Members) serves(cluster string) *traffic.Served {
	if cluster == "" {
		return nil
	}
	s := ms.clusters[cluster]
	if s == nil {
		s = &servedCluster{}
		ms.clusters[cluster] = s
	}
	s.members++
	return &s.Served
}

// servesNoMore notes one member less. The lock is held.
func (ms *Members) servesNoMore(cluster string) {
	s := ms.clusters[cluster]
	if s == nil {
		return
	}
	if s.members--; s.members == 0 {
		s.AddTo(&ms.parted)
		delete(ms.clusters, cluster)
	}
}

// Served is what was counted of a cluster that members of this node serve.
type Served struct {
	Cluster string
	// Counter is the same as long as the cluster has members here. Counts are what it has.
	Counter *traffic.Served
	Counts  traffic.ServedCounts
}

// Served returns what was counted of the clusters that members of this node serve, and of all
// those together that were served before.
func (ms *Members) Served() (all []Served, parted traffic.ServedCounts) {
	ms.mu.Lock()
	defer ms.mu.Unlock()
	all = make([]Served, 0, len(ms.clusters))
	for name, s := range ms.clusters {
		one := Served{Cluster: name, Counter: &s.Served}
		s.AddTo(&one.Counts)
		all = append(all, one)
	}
	return all, ms.parted
}
