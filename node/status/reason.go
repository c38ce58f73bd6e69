package status

// Reason says why something was dropped, refused or ended. It is the key of [Node.Reasons].
type Reason string

// The reasons. [Reasons] has them with what they mean.
const (
	EventSlowReceiver     Reason = "event_slow_receiver"
	BroadcastSlowReceiver Reason = "broadcast_slow_receiver"
	RequestMemberFull     Reason = "request_member_full"
	ResultUnread          Reason = "result_unread"
	RequestOverloaded     Reason = "request_overloaded"
	RequestDraining       Reason = "request_draining"
	RequestLinkLost       Reason = "request_link_lost"
	RequestMemberLost     Reason = "request_member_lost"
	RequestUnreturned     Reason = "request_unreturned"
	ReplyNoRoom           Reason = "reply_no_room"
	SendNoRoom            Reason = "send_no_room"
	CopyNoRoom            Reason = "copy_no_room"
	CopyLate              Reason = "copy_late"
	NameNotLookedUp       Reason = "name_not_looked_up"
	MemberUnconfirmed     Reason = "member_unconfirmed"
	AppHasItsPart         Reason = "application_has_its_part"
	TunnelRefused         Reason = "tunnel_refused"
	TunnelNoMember        Reason = "tunnel_no_member"
	TunnelBroken          Reason = "tunnel_broken"
	TunnelUnread          Reason = "tunnel_unread"
	AppDenied             Reason = "application_denied"
	AppViolation          Reason = "application_violation"
	AppUnattached         Reason = "application_unattached"
	AppStalled            Reason = "application_stalled"
	AppExpelled           Reason = "application_expelled"
	AppOverLimit          Reason = "application_over_limit"
	AppNoRoom             Reason = "application_no_room"
	AppEvicted            Reason = "application_evicted"
	RequestForbidden      Reason = "request_forbidden"
	EventForbidden        Reason = "event_forbidden"
	BroadcastForbidden    Reason = "broadcast_forbidden"
	EventUnsent           Reason = "event_unsent"
	BroadcastUnsent       Reason = "broadcast_unsent"
	SubscriptionForbidden Reason = "subscription_forbidden"
	TunnelForbidden       Reason = "tunnel_forbidden"
	LinkKeyDropped        Reason = "link_key_dropped"
	LinkBytesLost         Reason = "link_bytes_lost"
	FrameNoMemory         Reason = "frame_no_memory"
	ControlNoRoom         Reason = "control_no_room"
	StatusRefused         Reason = "status_refused"
	MembershipBad         Reason = "membership_bad"
	HintDropped           Reason = "hint_dropped"

	DirectoryUnknownPeer   Reason = "directory_unknown_peer"
	DirectoryOldEpoch      Reason = "directory_old_epoch"
	DirectoryStale         Reason = "directory_stale"
	DirectoryGap           Reason = "directory_gap"
	DirectoryTooManyNames  Reason = "directory_too_many_names"
	DirectoryTooManyClaims Reason = "directory_too_many_claims"
	DirectoryFull          Reason = "directory_full"
	DirectoryUnasked       Reason = "directory_unasked"
	DirectoryBadAck        Reason = "directory_bad_ack"
	DirectoryForeign       Reason = "directory_foreign"

	PacketLength        Reason = "packet_length"
	PacketVersion       Reason = "packet_version"
	PacketSeal          Reason = "packet_seal"
	PacketReplayed      Reason = "packet_replayed"
	PacketTooOld        Reason = "packet_too_old"
	PacketOldEpoch      Reason = "packet_old_epoch"
	PacketSendQueueFull Reason = "packet_send_queue_full"
	PacketSendFailed    Reason = "packet_send_failed"
	PacketReceiveFull   Reason = "packet_receive_queue_full"
	PacketForeign       Reason = "packet_foreign"
	PeerRefused         Reason = "peer_refused"
	PeerEvicted         Reason = "peer_evicted"

	AdminEvicted   Reason = "admin_evicted"
	AdminForbidden Reason = "admin_forbidden"

	TraceRefused Reason = "trace_refused"
	TraceUnkept  Reason = "trace_unkept"

	LogUnwritten Reason = "log_unwritten"
)

// Weight says how much a reason matters to who looks after a node.
type Weight int

const (
	// Normal is what happens in a healthy network, and costs nothing.
	Normal Weight = iota
	// Watched is what happens in a healthy network at times, and means something if it goes on.
	Watched
	// Lost is what an application misses by it.
	Lost
)

// MarshalText says a weight in a word: normal, watched or lost.
func (w Weight) MarshalText() ([]byte, error) {
	return []byte([...]string{Normal: "normal", Watched: "watched", Lost: "lost"}[w]), nil
}

// ReasonInfo is what a [Reason] means.
type ReasonInfo struct {
	Reason Reason `json:"reason"`
	Unit   string `json:"unit"` // what is counted
	Weight Weight `json:"weight"`
	Text   string `json:"text"`         // what happened
	Do     string `json:"do,omitempty"` // what to do about it; empty where nothing is to be done
}

const (
	slowReader   = "find out why the application does not read, or allow it more with -queue"
	lookAtPolicy = "iris policy check FILE says what it allows to whom; the audit has the names"
	moreRoom     = "look at the links with iris links: is the network or the other node too slow?"
)

// Reasons are all reasons.
var Reasons = []ReasonInfo{
	{EventSlowReceiver, "events", Lost, "dropped, as the subscriber read too slowly", slowReader},
	{BroadcastSlowReceiver, "broadcasts", Lost, "dropped, as the member read too slowly", slowReader},
	{RequestMemberFull, "requests", Watched, "went elsewhere or waited, as a member had no room for them", "start more members of the cluster"},
	{ResultUnread, "answers", Lost, "became faults, as the caller left too many unread", slowReader},
	{RequestOverloaded, "requests", Lost, "were answered with \"overloaded\": the caller has too many open or waiting, or nobody had room", "start more members of the cluster, or ask less"},
	{RequestDraining, "requests", Lost, "were answered with \"node is stopping\"", ""},
	{RequestLinkLost, "requests", Lost, "were answered with \"member lost\", as the link to their node was lost", "look at the log of both nodes"},
	{RequestMemberLost, "requests", Lost, "were answered with \"member lost\", as the application that had them went", "look at the log of the application"},
	{RequestUnreturned, "requests", Lost, "of another node were answered with \"overloaded\", as they found no member here and no room on the way back", moreRoom},
	{ReplyNoRoom, "answers", Lost, "to another node were dropped, as it did not read", moreRoom},
	{SendNoRoom, "messages", Lost, "to another node were dropped, as no link could be made or it did not read", moreRoom},
	{CopyNoRoom, "messages", Lost, "that were to be forwarded were dropped, as no link could be made or the node did not read", moreRoom},
	{CopyLate, "messages", Watched, "came after a later one of their sender, and were dropped", ""},
	{NameNotLookedUp, "names", Lost, "were not looked up, as 65,536 are", "do not make names of what changes with each message"},
	{MemberUnconfirmed, "applications", Watched, "went on before all nodes knew of their names", moreRoom},
	{AppHasItsPart, "requests", Watched, "and tunnels went elsewhere or waited, as who sent them has its part of what a member takes", "start more members of the cluster; the log has the application"},
	{TunnelRefused, "tunnels", Lost, "were refused: the application has too many, or its queue is full", ""},
	{TunnelNoMember, "tunnels", Lost, "were not built, as all who were asked refused", "start more members of the cluster"},
	{TunnelBroken, "tunnels", Lost, "ended, as an application broke the protocol of tunnels", "look at the log for the application"},
	{TunnelUnread, "tunnels", Lost, "were closed with data left that the receiver did not take", slowReader},
	{AppDenied, "applications", Lost, "were denied: another version of the protocol, or the node is stopping", "look at the log for the reason"},
	{AppViolation, "connections", Lost, "ended, as they broke the relay protocol", "look at the log for the application"},
	{AppUnattached, "connections", Watched, "ended, as they did not attach in time", ""},
	{AppStalled, "applications", Lost, "were disconnected, as they read nothing for the time of -stall", slowReader},
	{AppExpelled, "applications", Watched, "were disconnected, as a new policy forbids what they have", lookAtPolicy},
	{AppOverLimit, "applications", Lost, "were disconnected, as they met a limit of the node", "look at the log for the application and the limit"},
	{AppNoRoom, "connections", Lost, "of applications were closed, as there were too many", "give the node more descriptors: ulimit -n, or LimitNOFILE= of systemd"},
	{AppEvicted, "connections", Watched, "of applications that had not attached made room for others", ""},
	{RequestForbidden, "requests", Watched, "were answered with a fault, as the policy forbids them", lookAtPolicy},
	{EventForbidden, "events", Watched, "were dropped, as the policy forbids them", lookAtPolicy},
	{BroadcastForbidden, "broadcasts", Watched, "were dropped, as the policy forbids them", lookAtPolicy},
	{EventUnsent, "events", Lost, "still waited for a way to other nodes when their application was gone for seconds", "look at the log for links that were lost"},
	{BroadcastUnsent, "broadcasts", Lost, "still waited for a way to other nodes when their application was gone for seconds", "look at the log for links that were lost"},
	{SubscriptionForbidden, "subscriptions", Watched, "were not made or were ended, as the policy forbids them", lookAtPolicy},
	{TunnelForbidden, "tunnels", Watched, "were not built or were ended, as the policy forbids them", lookAtPolicy},
	{LinkKeyDropped, "links", Watched, "ended, as their nodes have shown no network key that is accepted any more", "if the node is one of yours, give it the new key; the log has its address"},
	{LinkBytesLost, "bytes", Watched, "waited to be written to a link when it was lost", "look at the log of both nodes"},
	{FrameNoMemory, "messages", Lost, "of another node were too large for what memory was left: events were lost, and requests answered with a fault", "send less at a time"},
	{ControlNoRoom, "messages", Watched, "of the directory found no room; they are repeated", ""},
	{StatusRefused, "questions", Watched, "of other nodes about this one's status were not answered, as they were too many", ""},
	{MembershipBad, "packets", Watched, "and streams of membership were malformed or too many", ""},
	{HintDropped, "hints", Watched, "at other nodes were dropped, as there were too many", ""},

	{DirectoryUnknownPeer, "messages", Normal, "of the directory came from a node before membership knew it", ""},
	{DirectoryOldEpoch, "messages", Normal, "of the directory were of or for an earlier life of a node", ""},
	{DirectoryStale, "messages", Normal, "of the directory had been applied before", ""},
	{DirectoryGap, "messages", Normal, "of the directory came before another that was missing", ""},
	{DirectoryTooManyNames, "names", Lost, "of another node were refused, as it registers or watches too many", "do not make names of what changes with each message"},
	{DirectoryTooManyClaims, "nodes", Lost, "in an answer of the directory were too many", ""},
	{DirectoryFull, "names", Lost, "of other nodes were refused, as the directory is full", "do not make names of what changes with each message"},
	{DirectoryUnasked, "answers", Normal, "of the directory were about what was not asked any more", ""},
	{DirectoryBadAck, "messages", Watched, "of the directory acknowledged what was never sent", ""},
	{DirectoryForeign, "messages", Watched, "on a control stream were not the directory's", ""},

	{PacketLength, "packets", Watched, "beside the links had a length that no node sends", ""},
	{PacketVersion, "packets", Watched, "beside the links had an unknown version", ""},
	{PacketSeal, "packets", Watched, "beside the links were not sealed with the key of this network", ""},
	{PacketReplayed, "packets", Watched, "beside the links came twice", ""},
	{PacketTooOld, "packets", Watched, "beside the links came too late to tell whether they came before", ""},
	{PacketOldEpoch, "packets", Normal, "beside the links were of an earlier life of a node", ""},
	{PacketSendQueueFull, "packets", Watched, "beside the links were not sent, as others waited", ""},
	{PacketSendFailed, "packets", Watched, "beside the links were not taken by the system", ""},
	{PacketReceiveFull, "packets", Watched, "beside the links were dropped, as nobody had read those before", ""},
	{PacketForeign, "packets", Watched, "on the socket were none of any node", ""},
	{PeerRefused, "connections", Watched, "of other nodes were refused: another key, network or version", "look at the log for \"peer refused\""},
	{PeerEvicted, "handshakes", Watched, "with strangers were ended to make room for others", "if they are no nodes of yours, have a firewall in front of the port"},

	{AdminEvicted, "connections", Watched, "to -http made room for others", "find out who connects, and does not close"},
	{AdminForbidden, "requests", Watched, "to -http were meant for another host, or sent by a page of one", "if the name is right, allow it with -http-host"},

	{TraceRefused, "traces", Watched, "were refused, as four are under way or they were too large", "wait until one has ended"},
	{TraceUnkept, "steps", Normal, "and requests of traces were not recorded, as there were enough", ""},
	{LogUnwritten, "lines", Watched, "of the log could not be written, or were not read", "look at what the log goes to: a full disk, a pipe whose reader hangs or is gone"},
}
