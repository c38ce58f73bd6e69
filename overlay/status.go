package overlay

import (
	"cmp"
	"slices"
	"time"

	"github.com/project-iris/iris/overlay/directory"
	"github.com/project-iris/iris/overlay/member"
	"github.com/project-iris/iris/overlay/names"
	"github.com/project-iris/iris/overlay/sealed"
	"github.com/project-iris/iris/overlay/traffic"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/choose"
)

// Served is what was counted of a cluster, see [member.Served].
type Served = member.Served

// Served returns what was counted of the clusters that members of this node serve, and of all
// those together that were served before.
func (o *Overlay) Served() (all []Served, parted traffic.ServedCounts) { return o.members.Served() }

// Names returns clusters and topics that members of this node serve or use, so many of each at
// most.
func (o *Overlay) Names(most int) []names.Listed { return o.lookup.List(most) }

// View returns what is known of a cluster, of which [names.View.Explain] says who is asked.
func (o *Overlay) View(cluster []byte) names.View { return o.lookup.View(cluster) }

// Owner returns the member that a view tells of.
func Owner(m names.ViewedMember) *Member { return member.Owner(m) }

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
