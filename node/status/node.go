package status

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/project-iris/iris/transport"
)

// Node is what a node knows about itself.
type Node struct {
	ID      transport.PeerID `json:"id"`      // of the node; it is another one after each start
	Network string           `json:"network"` // its name
	Version string           `json:"version"` // of the program, as iris version says it; "devel" where it has none
	Go      string           `json:"go"`      // the version that it was built with

	Time          time.Time `json:"time"`           // when this was said, by the clock of the node
	UptimeSeconds float64   `json:"uptime_seconds"` // since the node was started

	Port      int      `json:"port"`                // that applications attach to
	Addresses []string `json:"addresses,omitempty"` // where other nodes reach this one; none: it is alone
	Draining  bool     `json:"draining,omitempty"`  // the node is being stopped
	Deaf      []string `json:"deaf,omitempty"`      // transports that others cannot reach it by at the moment, and why
	Stuck     string   `json:"stuck,omitempty"`     // what of the node does not answer: see /healthz

	Contested bool `json:"contested,omitempty"` // another node has the id of this one, which gives it up
	Host      Host `json:"host"`                // what the host gives the node
	// ClockOffsetSeconds is how far Time was ahead of the clock of the node that has asked for
	// this, as it came there: as wrong as the answer was late.
	ClockOffsetSeconds float64 `json:"clock_offset_seconds,omitempty"`

	Problems []Problem `json:"problems"` // what is not well now; empty: all is

	Done    Done              `json:"done"`
	Waiting Waiting           `json:"waiting"`
	Reasons map[Reason]uint64 `json:"reasons"` // what was dropped, refused or ended, by reason; those that are zero are left out

	Members      []Member `json:"members"`      // the other nodes of the network, by their ids
	Links        []Link   `json:"links"`        // to other nodes, by their ids
	Applications []App    `json:"applications"` // that are attached, by their addresses
	Names        []Name   `json:"names"`        // that applications here serve or use: those with most traffic first

	// How many more there are of those that a tree has at most a thousand of.
	MembersLeft      int `json:"members_left,omitempty"`
	LinksLeft        int `json:"links_left,omitempty"`
	ApplicationsLeft int `json:"applications_left,omitempty"`
	NamesLeft        int `json:"names_left,omitempty"`
}

// Host is what the host of a node gives it.
type Host struct {
	Descriptors        int       `json:"descriptors,omitempty"`          // that the process may have; zero: not known, or no limit
	ForApplications    int       `json:"for_applications,omitempty"`     // of these
	KeyFiles           []KeyFile `json:"key_files,omitempty"`            // that the settings name
	ReceiveBufferBytes int       `json:"receive_buffer_bytes,omitempty"` // of the UDP socket, as the system counts; zero: not known
	SendBufferBytes    int       `json:"send_buffer_bytes,omitempty"`
	WantedBufferBytes  int       `json:"wanted_buffer_bytes,omitempty"` // that both should have
	NarrowPaths        []string  `json:"narrow_paths,omitempty"`        // addresses to which large packets have vanished lately
	ToldOfOthers       bool      `json:"told_of_others,omitempty"`      // by its settings, or by what it remembers
	Beacons            bool      `json:"beacons,omitempty"`             // it speaks and listens on the wire
	BeaconsHeard       uint64    `json:"beacons_heard,omitempty"`       // of other nodes of the network
	// Reached is who was tried to be reached. Only doctor has it tried.
	Reached []Reached `json:"reached,omitempty"`
}

// KeyFile is a file with a key.
type KeyFile struct {
	Path  string `json:"path"`
	Mode  uint32 `json:"mode"`            // permissions
	Error string `json:"error,omitempty"` // why it cannot be read
}

// Reached is whether a node accepts connections over TCP.
type Reached struct {
	Peer    transport.PeerID `json:"peer"`
	Address string           `json:"address"`         // that was tried last
	Error   string           `json:"error,omitempty"` // why no connection could be made to any of its addresses
}

// Problem is something that is not well.
type Problem struct {
	What string `json:"what"`         // what happens, and to whom
	Do   string `json:"do,omitempty"` // what to do about it
}

// Done counts what applications of this node have done since the node was started. Requests
// that are neither in Replies, Faults nor Timeouts are open, or their caller went first.
type Done struct {
	Requests   uint64 `json:"requests"`   // asked by applications of this node, of members anywhere
	Replies    uint64 `json:"replies"`    // requests of these that were answered
	Faults     uint64 `json:"faults"`     // that were answered by a fault
	Timeouts   uint64 `json:"timeouts"`   // that were not answered in time
	Published  uint64 `json:"published"`  // events that were sent
	Broadcasts uint64 `json:"broadcasts"` // broadcasts that were sent
	Tunnels    uint64 `json:"tunnels"`    // tunnels that were built

	// What was to be delivered to applications of this node, once for each that it was for. What
	// they missed of it is in Reasons, as event_slow_receiver and broadcast_slow_receiver.
	EventsDelivered     uint64 `json:"events_delivered"`
	BroadcastsDelivered uint64 `json:"broadcasts_delivered"`
}

// Waiting is what waits at this node now.
type Waiting struct {
	Requests     int `json:"requests"`       // that wait for a member, or for room at one
	RequestBytes int `json:"requests_bytes"` // of these
	Tunnels      int `json:"tunnels"`        // that wait for a member
	UnderWay     int `json:"under_way"`      // requests and tunnels that other nodes have in hand
	QueuedBytes  int `json:"queued_bytes"`   // for applications that have not read them yet
}

// Member is another node of the network.
type Member struct {
	ID           transport.PeerID `json:"id"`
	Addresses    []string         `json:"addresses"`     // where it accepts links, as it says
	Found        string           `json:"found"`         // how: join, beacon, scan, dns:NAME, exec:COMMAND, remembered, members or itself
	SinceSeconds float64          `json:"since_seconds"` // since it is known
	Linked       bool             `json:"linked"`        // there is a link to it now; it needs none while nothing is said
}

// Link is a link to another node. Bytes, packets and datagrams are of the whole link, as far as
// its transport tells.
type Link struct {
	Peer             transport.PeerID `json:"peer"`
	Transport        string           `json:"transport"`
	Address          string           `json:"address"`                     // where it leads
	Version          uint16           `json:"version"`                     // of the protocol between nodes that is spoken on it
	Dialed           bool             `json:"dialed"`                      // by this node
	SinceSeconds     float64          `json:"since_seconds"`               // since it came into use
	RTTSeconds       float64          `json:"rtt_seconds,omitempty"`       // round trip, smoothed; zero: not measured
	SentBytes        uint64           `json:"sent_bytes"`                  // to the network
	ReceivedBytes    uint64           `json:"received_bytes"`              // from the network
	WaitingBytes     int              `json:"waiting_bytes"`               // that wait to be written
	InHand           int              `json:"in_hand"`                     // requests that the other node has in hand
	PacketsSent      uint64           `json:"packets_sent,omitempty"`      // where the transport makes packets
	PacketsLost      uint64           `json:"packets_lost,omitempty"`      // of these
	DatagramsDropped uint64           `json:"datagrams_dropped,omitempty"` // at this side

	DatagramsSent     uint64 `json:"datagrams_sent,omitempty"`     // of membership, where it has no packets beside the links
	DatagramsReceived uint64 `json:"datagrams_received,omitempty"` // of membership
	StreamsOpened     uint64 `json:"streams_opened,omitempty"`     // by this node
	StreamsAccepted   uint64 `json:"streams_accepted,omitempty"`   // of the other node
}

// App is an application that is attached.
type App struct {
	Address      string            `json:"address"`           // from where it has connected
	Cluster      string            `json:"cluster,omitempty"` // that it serves; empty: none
	SinceSeconds float64           `json:"since_seconds"`     // since it is attached
	InHand       int64             `json:"in_hand"`           // requests and tunnels that it was given and has not finished
	Open         int64             `json:"open"`              // its own requests that are not answered
	Waiting      int               `json:"waiting"`           // of these: those that wait for a member, or for room
	Topics       int               `json:"topics"`            // that it is subscribed to
	Tunnels      int               `json:"tunnels"`           // that it has
	QueuedBytes  int               `json:"queued_bytes"`      // that wait for it to read
	Slow         bool              `json:"slow,omitempty"`    // it reads too slowly, and misses events and broadcasts now
	Reasons      map[Reason]uint64 `json:"reasons,omitempty"` // what it has missed
}

// Kinds of names.
const (
	Cluster = "cluster"
	Topic   = "topic"
)

// Name is a cluster or a topic.
type Name struct {
	Name      string `json:"name"`
	Kind      string `json:"kind"`                // cluster or topic
	Here      int    `json:"here"`                // members or subscribers at this node
	Full      int    `json:"full,omitempty"`      // of these members: those without room for requests
	Nodes     int    `json:"nodes"`               // other nodes that serve it, as far as this one has looked: only for who sends to it
	Unknown   bool   `json:"unknown,omitempty"`   // too little was heard to tell
	Waiting   int    `json:"waiting,omitempty"`   // requests and tunnels of this node that wait
	Crowded   bool   `json:"crowded,omitempty"`   // some of these wait for room, not for a member
	Delivered uint64 `json:"delivered,omitempty"` // events or broadcasts, once for each application here that they were for

	// Of a cluster with members here, since the first of them came: what they were asked,
	// whoever has asked.
	Requests   uint64  `json:"requests,omitempty"`
	Faults     uint64  `json:"faults,omitempty"`
	Late       uint64  `json:"late,omitempty"`        // not answered by the deadline
	Lost       uint64  `json:"lost,omitempty"`        // in hand of a member that went
	Refused    uint64  `json:"refused,omitempty"`     // for which a member had no room
	P50Seconds float64 `json:"p50_seconds,omitempty"` // of answers, from being handed over on; at most 9 % too much
	P99Seconds float64 `json:"p99_seconds,omitempty"`
	// PerSecond is how many requests, events and broadcasts there were a second, in the last
	// ten seconds or so.
	PerSecond float64 `json:"per_second"`
	// Of the answers of the last ten seconds or so: as above, of those clusters with members
	// here that were asked most.
	RecentP50Seconds float64 `json:"recent_p50_seconds,omitempty"`
	RecentP99Seconds float64 `json:"recent_p99_seconds,omitempty"`
}

// Network is what the nodes of a network say about themselves.
type Network struct {
	Asked      transport.PeerID `json:"asked"`      // the node that has asked the others
	Nodes      []Node           `json:"nodes"`      // that have answered, the asked one first
	Unanswered []Unanswered     `json:"unanswered"` // members that have not
}

// Unanswered is a node that has not said how it is.
type Unanswered struct {
	ID     transport.PeerID `json:"id"`
	Reason string           `json:"reason"`
}

// NoAnswer says why a node that had a time for it has not answered.
func NoAnswer(id transport.PeerID, err error, within time.Duration) Unanswered {
	if errors.Is(err, context.DeadlineExceeded) {
		return Unanswered{id, "no answer within " + within.String()}
	}
	return Unanswered{id, Text(err.Error())}
}

// Compare orders nodes by their ids.
func (u Unanswered) Compare(other Unanswered) int {
	return strings.Compare(u.ID.String(), other.ID.String())
}
