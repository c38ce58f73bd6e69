package node

import (
	"cmp"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/relay"
)

const (
	// mostListed is how many members, links, applications and names a tree has of each.
	mostListed = 1000
	// mostNames is how many clusters and topics, of each, are looked at to find those with most
	// traffic: so many hold up who sends for some milliseconds.
	mostNames = 1 << 16
)

// Status returns what the node knows about itself now. It costs milliseconds of a node with
// many names, and nothing while nobody asks.
func (n *Node) Status() *status.Node {
	now := time.Now()
	s := &status.Node{
		ID: n.ID(), Network: status.Text(n.Network()), Version: ThisBuild().Version, Go: runtime.Version(),
		Time: now.UTC(), UptimeSeconds: now.Sub(n.started).Seconds(),
		Port: n.port, Draining: n.draining.Load(), Stuck: n.pulse.stuck(),
		Members: []status.Member{}, Links: []status.Link{},
	}
	if s.Stuck != "" { // the rest would wait for it
		s.Applications, s.Names = []status.App{}, []status.Name{}
		s.Problems = s.Diagnose()
		return s
	}
	counts := n.count()
	s.Reasons = nonzero(counts.reasons())
	s.Done = done(&counts.Overlay.Done)
	s.Contested, s.Host = n.doubled.Load(), n.host()
	n.addNetwork(s, now)
	n.addApplications(s, now)
	n.addNames(s)
	s.Problems = s.Diagnose()
	return s
}

func nonzero(all map[status.Reason]uint64) map[status.Reason]uint64 {
	maps.DeleteFunc(all, func(_ status.Reason, n uint64) bool { return n == 0 })
	return all
}

func done(d *overlay.Done) status.Done {
	return status.Done{
		Requests: d.Requests, Replies: d.Replies, Faults: d.Faults, Timeouts: d.Timeouts,
		Published: d.Published, Broadcasts: d.Broadcasts, Tunnels: d.Tunnels,
		EventsDelivered: d.Delivered.Events, BroadcastsDelivered: d.Delivered.Broadcasts,
	}
}

// addNetwork adds the other nodes, and the links to them.
func (n *Node) addNetwork(s *status.Node, now time.Time) {
	if n.links == nil {
		return
	}
	s.Addresses = texts(n.links.addresses())
	if deaf := n.links.deaf(); deaf != "" {
		for line := range strings.SplitSeq(deaf, "\n") {
			s.Deaf = append(s.Deaf, status.Text(line))
		}
	}
	for _, node := range n.overlay.Network().Nodes() {
		s.Members = append(s.Members, status.Member{
			ID: node.ID, Addresses: texts(node.Addr), Found: status.Text(node.Found),
			SinceSeconds: now.Sub(node.Since).Seconds(), Linked: node.Link != "",
		})
	}
	for _, l := range n.overlay.Links() {
		s.Links = append(s.Links, status.Link{
			Peer: l.Peer, Transport: status.Text(l.Scheme), Address: status.Text(l.Addr), Version: l.Version, Dialed: l.Dialed,
			SinceSeconds: now.Sub(l.Since).Seconds(), RTTSeconds: l.Stats.RTT.Seconds(),
			SentBytes: l.Stats.BytesSent, ReceivedBytes: l.Stats.BytesReceived,
			WaitingBytes: l.Waiting, InHand: l.Calls,
			PacketsSent: l.Stats.PacketsSent, PacketsLost: l.Stats.PacketsLost, DatagramsDropped: l.Stats.DatagramsDropped,
			DatagramsSent: l.Stats.DatagramsSent, DatagramsReceived: l.Stats.DatagramsReceived,
			StreamsOpened: l.Stats.StreamsOpened, StreamsAccepted: l.Stats.StreamsAccepted,
		})
	}
	s.Members, s.MembersLeft = first(s.Members)
	s.Links, s.LinksLeft = first(s.Links)
}

// texts returns a list of addresses as text.
func texts(list string) []string {
	var all []string
	for addr := range strings.SplitSeq(list, ",") {
		all = append(all, status.Text(addr))
	}
	return all
}

// first returns the first so many of a list, and how many more there are.
func first[T any](all []T) ([]T, int) {
	most := min(len(all), mostListed)
	return all[:most], len(all) - most
}

// addApplications adds who is attached.
func (n *Node) addApplications(s *status.Node, now time.Time) {
	attached := n.relay.Applications()
	s.Applications = make([]status.App, 0, len(attached))
	for _, a := range attached {
		s.Waiting.QueuedBytes += a.Queued
		s.Applications = append(s.Applications, app(&a, now))
	}
	s.Applications, s.ApplicationsLeft = first(s.Applications)
}

func app(a *relay.Attached, now time.Time) status.App {
	app := status.App{
		Address: status.Text(a.Addr), Cluster: status.Text(string(a.Cluster)), Tunnels: a.Tunnels, QueuedBytes: a.Queued, Slow: a.Slow,
		Reasons: nonzero(map[status.Reason]uint64{
			status.EventSlowReceiver: a.Dropped.EventsDropped, status.BroadcastSlowReceiver: a.Dropped.BroadcastsDropped,
			status.RequestMemberFull: a.Dropped.RequestsRefused, status.ResultUnread: a.Dropped.ResultsReplaced,
		}),
	}
	if m, ok := a.Member.(*overlay.Member); ok {
		u := m.Usage()
		app.SinceSeconds, app.InHand, app.Open = now.Sub(u.Since).Seconds(), u.InHand, u.Open
		app.Waiting, app.Topics = u.Held, u.Topics
	}
	return app
}

// addNames adds clusters and topics, and what waits for them.
func (n *Node) addNames(s *status.Node) {
	stats := n.overlay.NameStats()
	s.Waiting.Requests, s.Waiting.RequestBytes = stats.Held, stats.HeldBytes
	s.Waiting.Tunnels, s.Waiting.UnderWay = stats.Waiting, int(stats.UnderWay)
	served, _ := n.overlay.Served()
	counts := make(map[string]*overlay.Served, len(served))
	for i := range served {
		counts[served[i].Cluster] = &served[i]
	}
	listed := n.overlay.Names(mostNames)
	s.Names = make([]status.Name, 0, len(listed))
	for _, l := range listed {
		name := status.Name{
			Name: l.Name, Kind: status.Cluster, Here: l.Here, Full: l.Full, Nodes: len(l.Nodes), Unknown: l.Sought && !l.Known,
			Waiting: l.Held + l.Waiting, Crowded: l.Crowded, Delivered: l.Delivered,
		}
		if l.Topic {
			name.Kind = status.Topic
		} else if c := counts[l.Name]; c != nil {
			name.Requests, name.Faults, name.Late = c.Counts.Requests, c.Counts.Faults, c.Counts.Late
			name.Lost, name.Refused = c.Counts.Lost, c.Counts.Refused
			name.P50Seconds = c.Counts.Latency.Quantile(0.5).Seconds()
			name.P99Seconds = c.Counts.Latency.Quantile(0.99).Seconds()
		}
		s.Names = append(s.Names, name)
	}
	slices.SortFunc(s.Names, func(a, b status.Name) int {
		return cmp.Or(cmp.Compare(b.Waiting, a.Waiting), cmp.Compare(b.Requests+b.Delivered, a.Requests+a.Delivered),
			cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
	s.Names, s.NamesLeft = first(s.Names)
	s.NamesLeft = max(s.NamesLeft, stats.Clusters+stats.Topics-len(s.Names))
	for i := range s.Names {
		name := &s.Names[i]
		name.PerSecond = n.rates.of(name.Kind, name.Name)
		if name.Kind == status.Cluster {
			p50, p99 := n.rates.latency(name.Name)
			name.RecentP50Seconds, name.RecentP99Seconds = p50.Seconds(), p99.Seconds()
		}
		name.Name = status.Text(name.Name)
	}
}
