package overlay

import (
	"cmp"
	"slices"
	"time"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/sealed"
	"github.com/project-iris/iris/overlay/traffic"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/choose"
)

// servedCluster is a cluster that members of this node serve.
type servedCluster struct {
	traffic.Served
	members int
}

// serves notes one more member of a cluster, and returns where its requests are counted. The
// lock is held.
func (o *Overlay) serves(cluster string) *traffic.Served {
	if cluster == "" {
		return nil
	}
	s := o.clusters[cluster]
	if s == nil {
		s = &servedCluster{}
		o.clusters[cluster] = s
	}
	s.members++
	return &s.Served
}

// servesNoMore notes one member less. The lock is held.
func (o *Overlay) servesNoMore(cluster string) {
	s := o.clusters[cluster]
	if s == nil {
		return
	}
	if s.members--; s.members == 0 {
		s.AddTo(&o.parted)
		delete(o.clusters, cluster)
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
func (o *Overlay) Served() (all []Served, parted traffic.ServedCounts) {
	o.mu.Lock()
	defer o.mu.Unlock()
	all = make([]Served, 0, len(o.clusters))
	for name, s := range o.clusters {
		one := Served{Cluster: name, Counter: &s.Served}
		s.AddTo(&one.Counts)
		all = append(all, one)
	}
	return all, o.parted
}

// Names returns clusters and topics that members of this node serve or use, so many of each at
// most.
func (o *Overlay) Names(most int) []names.Listed { return o.lookup.List(most) }

// NameStats returns how many names there are, and what waits.
func (o *Overlay) NameStats() names.Stats { return o.lookup.Stats() }

// DirectoryReasons returns the reasons for which the directory refuses.
func DirectoryReasons() []string {
	var all []string
	for why := range (directory.Stats{}).Refused {
		all = append(all, directory.Reason(why).String())
	}
	return all
}

// DirectoryRefused returns what the directory has refused, by [directory.Reason].
func (o *Overlay) DirectoryRefused() map[string]uint64 {
	all := make(map[string]uint64)
	if o.net != nil {
		for why, n := range o.lookup.Directory().Refused {
			all[directory.Reason(why).String()] = n
		}
	}
	return all
}

// MembershipDropped returns how many packets and streams of membership were dropped, as they
// were malformed or too many.
func (o *Overlay) MembershipDropped() uint64 {
	if o.net == nil {
		return 0
	}
	return o.net.MembershipDropped()
}

// Sealed returns what came of the packets between nodes, beside the links.
func (o *Overlay) Sealed() sealed.Stats {
	if o.net == nil {
		return sealed.Stats{}
	}
	return o.net.Sealed()
}

// Usage is what a member has under way.
type Usage struct {
	Since    time.Time // when it was attached
	InHand   int64     // requests and tunnels that it was given and has not finished
	Open     int64     // its own requests that are not answered
	Held     int       // of these: those that wait at this node for a member, or for room
	HeldSize int       // their bytes
	Topics   int       // that it is subscribed to
}

// Usage returns what the member has under way.
func (m *Member) Usage() Usage {
	a := m.overlay.lookup.Account(local{m})
	return Usage{
		Since: m.since, InHand: m.load.Load(), Open: m.open.Load(),
		Held: a.Held, HeldSize: a.HeldBytes, Topics: a.Topics,
	}
}

// Link is a link to another node.
type Link struct {
	Peer    transport.PeerID
	Scheme  string // of its transport; empty where that does not tell
	Addr    string // where it leads
	Version uint16 // of the protocol on it
	Dialed  bool   // by this node
	Since   time.Time
	Calls   int    // requests that the node was sent and has not answered
	Given   uint64 // bytes that lanes were given
	Waiting int    // of these: those that wait to be written
	Stats   transport.Stats
}

// Links returns the links to other nodes, in the order of their ids.
func (o *Overlay) Links() []Link {
	var all []Link
	for id, r := range o.links.All() {
		p := r.Peer()
		l := p.Link()
		given, waiting := r.Queued()
		all = append(all, Link{
			Peer: id, Scheme: choose.SchemeOf(l), Addr: l.RemoteAddr(), Version: l.Version(), Dialed: p.Dialed(),
			Since: p.Since(), Calls: r.Calls(), Given: given, Waiting: waiting, Stats: l.Stats(),
		})
	}
	slices.SortFunc(all, func(a, b Link) int { return cmp.Compare(a.Peer.String(), b.Peer.String()) })
	return all
}
