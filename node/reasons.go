package node

import (
	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/overlay/sealed"
	"github.com/project-iris/iris/relay"
	"github.com/project-iris/iris/transport"
)

// counted is what the parts of a node have counted that they dropped, refused or ended.
type counted struct {
	Relay      relay.Stats
	Overlay    overlay.Stats
	Directory  map[string]uint64
	Sealed     sealed.Stats
	Packets    transport.PacketStats
	Membership uint64 // packets and streams that were dropped
	Hints      uint64 // that were dropped
	Refused    uint64 // peers, by transports
	Evicted    uint64 // unfinished handshakes with peers, by transports

	AdminEvicted, AdminForbidden uint64 // connections and requests of the admin endpoint
	Lines                        uint64 // of the log
}

// count asks all parts.
func (n *Node) count() counted {
	c := counted{Relay: n.relay.Stats(), Overlay: n.overlay.Stats()}
	c.AdminEvicted, c.AdminForbidden = n.turnedAway.evicted.Load(), n.turnedAway.forbidden.Load()
	c.Lines = n.config.LogDropped()
	if n.links == nil {
		return c
	}
	c.Directory, c.Sealed = n.overlay.DirectoryRefused(), n.overlay.Sealed()
	c.Membership = n.overlay.MembershipDropped()
	if carrier, ok := n.links.transport.(transport.Packets); ok {
		c.Packets = carrier.PacketStats()
	}
	if counts, ok := n.links.transport.(interface{ Refused() uint64 }); ok {
		c.Refused = counts.Refused()
	}
	if counts, ok := n.links.transport.(interface{ Evicted() uint64 }); ok {
		c.Evicted = counts.Evicted()
	}
	if n.finder != nil {
		c.Hints = n.finder.Dropped()
	}
	return c
}

// reasons returns the counts by reason. Each count of a part that is one of something dropped,
// refused or ended is in one of them.
func (c *counted) reasons() map[status.Reason]uint64 {
	all := map[status.Reason]uint64{
		status.EventSlowReceiver:     c.Relay.EventsDropped,
		status.BroadcastSlowReceiver: c.Relay.BroadcastsDropped,
		status.RequestMemberFull:     c.Relay.RequestsRefused,
		status.ResultUnread:          c.Relay.ResultsReplaced,
		status.TunnelRefused:         c.Relay.TunnelsRefused,
		status.TunnelBroken:          c.Relay.TunnelsBroken,
		status.TunnelUnread:          c.Relay.FlushesAbandoned,
		status.AppDenied:             c.Relay.Denied,
		status.AppViolation:          c.Relay.Violations,
		status.AppUnattached:         c.Relay.Unattached,
		status.AppStalled:            c.Relay.Stalled,
		status.AppExpelled:           c.Relay.Expelled,
		status.AppOverLimit:          c.Relay.Limited,
		status.AppNoRoom:             c.Relay.ConnectionsRefused,
		status.AppEvicted:            c.Relay.ConnectionsEvicted,
		status.RequestForbidden:      c.Relay.RequestsForbidden,
		status.EventForbidden:        c.Relay.EventsForbidden,
		status.BroadcastForbidden:    c.Relay.BroadcastsForbidden,
		status.EventUnsent:           c.Relay.EventsUnsent,
		status.BroadcastUnsent:       c.Relay.BroadcastsUnsent,
		status.SubscriptionForbidden: c.Relay.SubscriptionsForbidden,
		status.TunnelForbidden:       c.Relay.TunnelsForbidden,

		status.RequestOverloaded: c.Overlay.Overloaded,
		status.RequestDraining:   c.Overlay.Draining,
		status.RequestLinkLost:   c.Overlay.LinkLost,
		status.RequestMemberLost: c.Overlay.MembersLost,
		status.RequestUnreturned: c.Overlay.Unreturned,
		status.AppHasItsPart:     c.Overlay.PartsMet,
		status.TunnelNoMember:    c.Overlay.TunnelsUnfit,
		status.ReplyNoRoom:       c.Overlay.RepliesDropped,
		status.SendNoRoom:        c.Overlay.SendsFailed,
		status.CopyNoRoom:        c.Overlay.CopiesDropped,
		status.CopyLate:          c.Overlay.CopiesLate,
		status.NameNotLookedUp:   c.Overlay.PlacesFull,
		status.MemberUnconfirmed: c.Overlay.Unconfirmed,
		status.LinkKeyDropped:    c.Overlay.LinksDisowned,
		status.LinkBytesLost:     c.Overlay.BytesLost,
		status.FrameNoMemory:     c.Overlay.FramesRefused,
		status.ControlNoRoom:     c.Overlay.ControlsDropped,
		status.StatusRefused:     c.Overlay.AsksRefused,

		status.PacketLength:        c.Sealed.WrongLength,
		status.PacketVersion:       c.Sealed.WrongVersion,
		status.PacketSeal:          c.Sealed.WrongSeal,
		status.PacketReplayed:      c.Sealed.Replayed,
		status.PacketTooOld:        c.Sealed.TooOld,
		status.PacketOldEpoch:      c.Sealed.OldEpoch,
		status.PacketSendQueueFull: c.Packets.SendQueueFull,
		status.PacketSendFailed:    c.Packets.SendFailed,
		status.PacketReceiveFull:   c.Packets.ReceiveQueueFull,
		status.PacketForeign:       c.Packets.Foreign,

		status.MembershipBad: c.Membership,
		status.HintDropped:   c.Hints,
		status.PeerRefused:   c.Refused,
		status.PeerEvicted:   c.Evicted,

		status.AdminEvicted:   c.AdminEvicted,
		status.AdminForbidden: c.AdminForbidden,

		status.TraceRefused: c.Overlay.TracesRefused,
		status.TraceUnkept:  c.Overlay.TracesUnkept,

		status.LogUnwritten: c.Lines,
	}
	for why, n := range c.Directory {
		all[status.Reason("directory_"+why)] = n
	}
	return all
}
