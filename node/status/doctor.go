package status

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// Finding is what was found of one thing that a node needs.
type Finding struct {
	Node  string `json:"node"`  // its id, shortened
	Check string `json:"check"` // what was looked at: see [Checks]
	Good  bool   `json:"good"`
	What  string `json:"what"`         // what was found
	Do    string `json:"do,omitempty"` // what to do about it
}

// Checks are what [Network.Examine] looks at, in this order.
var Checks = []string{"key file", "descriptors", "socket buffers", "ports", "udp", "path mtu", "clock", "identity", "members", "multicast", "answers"}

const (
	// fewDescriptors are too few: a quarter of them is kept for links and probes.
	fewDescriptors = 1024
	// clockOff is how far a clock may be off. Certificates and beacons bear an hour.
	clockOff = 2 * time.Minute
	// beaconTime is after how long a node that knows others has to have heard a beacon.
	beaconTime = 2 * time.Minute
)

// Examine looks at all that the nodes say about themselves and each other for what is known to
// go wrong. Each check has one finding for each node at least.
func (all *Network) Examine() []Finding {
	var found []Finding
	for i := range all.Nodes {
		n := &all.Nodes[i]
		x := examination{node: n, all: all}
		x.keyFiles()
		x.descriptors()
		x.buffers()
		x.ports()
		x.udp()
		x.paths()
		x.clock()
		x.identity()
		x.members()
		x.multicast()
		found = append(found, x.found...)
	}
	for _, u := range all.Unanswered {
		found = append(found, Finding{
			u.ID.Short(), "answers", false, "it is a member, but says nothing: " + u.Reason,
			"look whether it runs and has this version, and whether the hosts reach each other",
		})
	}
	return found
}

type examination struct {
	node  *Node
	all   *Network
	found []Finding
}

func (x *examination) say(check string, good bool, do, format string, args ...any) {
	if good {
		do = ""
	}
	x.found = append(x.found, Finding{x.node.ID.Short(), check, good, fmt.Sprintf(format, args...), do})
}

func (x *examination) keyFiles() {
	for _, k := range x.node.Host.KeyFiles {
		switch {
		case k.Error != "":
			x.say("key file", false, "give the user of the node the right to read it, or the node cannot be started or reloaded again",
				"%s cannot be read: %s", k.Path, k.Error)
		case fs.FileMode(k.Mode)&0o077 != 0:
			x.say("key file", false, "chmod 600 "+k.Path+"; if a stranger can have read it, replace the key: iris rotate",
				"%s has mode %04o: others than its user may read or change it", k.Path, k.Mode)
		default:
			x.say("key file", true, "", "%s can be read, by its user alone", k.Path)
		}
	}
}

func (x *examination) descriptors() {
	switch limit := x.node.Host.Descriptors; {
	case limit == 0:
	case limit < fewDescriptors:
		x.say("descriptors", false, "give the node more: ulimit -n 65536, or LimitNOFILE=65536 of systemd",
			"the node may have %d, of which %d are for applications", limit, x.node.Host.ForApplications)
	default:
		x.say("descriptors", true, "", "the node may have %d", limit)
	}
}

func (x *examination) buffers() {
	switch h := &x.node.Host; {
	case h.ReceiveBufferBytes == 0:
	case h.ReceiveBufferBytes < h.WantedBufferBytes || h.SendBufferBytes < h.WantedBufferBytes:
		x.say("socket buffers", false, fmt.Sprintf("sysctl -w net.core.rmem_max=%d net.core.wmem_max=%d, and start the node again", h.WantedBufferBytes, h.WantedBufferBytes),
			"those of UDP have %d and %d bytes, of %d: bursts are lost", h.ReceiveBufferBytes, h.SendBufferBytes, h.WantedBufferBytes)
	default:
		x.say("socket buffers", true, "", "those of UDP are as large as they should be")
	}
}

// ports looks whether others reach the node, and the node others.
func (x *examination) ports() {
	if len(x.node.Deaf) > 0 {
		x.say("ports", false, "free the port, or choose another with -bind", "%s", x.node.Deaf[0])
		return
	}
	if len(x.node.Addresses) == 0 {
		return
	}
	dialled, accepted, tried := 0, 0, false
	for _, l := range x.node.Links {
		if l.Dialed {
			dialled++
		} else {
			accepted++
		}
	}
	for _, r := range x.node.Host.Reached {
		tried = true
		if r.Error != "" {
			x.say("ports", false, "let the port through between the two hosts, in both directions",
				"it does not reach %s at %s: %s", r.Peer.Short(), r.Address, r.Error)
		}
	}
	if !slices.ContainsFunc(x.found, func(f Finding) bool { return f.Check == "ports" }) {
		text := ""
		if tried {
			text = ", and it reaches all others by TCP"
		}
		x.say("ports", true, "", "it listens; %d links were made by others, %d by it%s", accepted, dialled, text)
	}
}

// udp looks for links over TCP between nodes that both listen on UDP.
func (x *examination) udp() {
	if !speaksQUIC(x.node.Addresses) || len(x.node.Links) == 0 {
		return
	}
	good := true
	for _, l := range x.node.Links {
		i := slices.IndexFunc(x.node.Members, func(m Member) bool { return m.ID == l.Peer })
		if l.Transport != "tcp" || i < 0 || !speaksQUIC(x.node.Members[i].Addresses) {
			continue
		}
		good = false
		x.say("udp", false, "let UDP through, to the same port as TCP, in both directions; links are tried over it again after five minutes",
			"the link to %s is over TCP, though both listen on UDP: UDP is blocked between them", l.Peer.Short())
	}
	if good {
		x.say("udp", true, "", "links are over UDP wherever both ends have it")
	}
}

func speaksQUIC(addresses []string) bool {
	return slices.ContainsFunc(addresses, func(a string) bool { return strings.HasPrefix(a, "quic://") })
}

func (x *examination) paths() {
	if len(x.node.Host.NarrowPaths) == 0 {
		if speaksQUIC(x.node.Addresses) {
			x.say("path mtu", true, "", "no path has swallowed large packets in the last ten minutes")
		}
		return
	}
	x.say("path mtu", false, "set the MTU of the interfaces to what the path carries, or let ICMP through; the node uses small packets meanwhile",
		"large packets vanish on the way to %s", strings.Join(first(x.node.Host.NarrowPaths), ", "))
}

func first(all []string) []string {
	if len(all) <= maxProblems {
		return all
	}
	return append(slices.Clone(all[:maxProblems]), fmt.Sprintf("and %d more", len(all)-maxProblems))
}

func (x *examination) clock() {
	if x.node.ID == x.all.Asked {
		return
	}
	off := time.Duration(x.node.ClockOffsetSeconds * float64(time.Second))
	x.say("clock", off.Abs() <= clockOff, "set it, by NTP; from an hour on nodes refuse each other",
		"it is %v off that of %s", off.Round(time.Second), x.all.Asked.Short())
}

func (x *examination) identity() {
	if x.node.Contested {
		x.say("identity", false, "start iris after a machine is copied, not before; the node takes another id by itself",
			"another node has the same id: a machine was copied while iris ran in it")
	}
	if !x.node.Contested {
		x.say("identity", true, "", "its id is its own")
	}
}

// members looks whether a node that was told of others has found one.
func (x *examination) members() {
	switch n := x.node; {
	case len(n.Members) > 0:
		x.say("members", true, "", "it knows %d others", len(n.Members))
	case n.Host.ToldOfOthers:
		x.say("members", false, "look at its log and theirs for \"peer refused\": have they the same -net and -rsa, clocks that are less than an hour apart, and open ports?",
			"it was told of other nodes, but has found none; it has refused %d connections", n.Reasons[PeerRefused])
	default:
		x.say("members", true, "", "it is alone, and was told of no others")
	}
}

func (x *examination) multicast() {
	h := &x.node.Host
	switch {
	case !h.Beacons:
	case h.BeaconsHeard > 0:
		x.say("multicast", true, "", "it has heard beacons of other nodes")
	case len(x.node.Members) == 0 || x.node.UptimeSeconds < beaconTime.Seconds():
		x.say("multicast", true, "", "no beacon of another node was heard yet")
	default:
		x.say("multicast", false, "if the others are on the same wire, let UDP multicast to port 16180 through, and switch on an IGMP querier; if not, leave -discover beacon out",
			"it knows %d others, but has heard no beacon of any", len(x.node.Members))
	}
}
