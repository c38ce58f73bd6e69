// Package beacon finds nodes of a network on the same wire, and where there is no
// multicast by asking the addresses around, with sealed packets that tell an outsider
// nothing but that they are there.
//
// # Packet
//
// A beacon is one UDP packet of exactly [PacketSize] bytes, to port [Port]:
//
//	nonce:24 sealed:600 tag:16
//
// sealed with XChaCha20-Poly1305 under a key that only nodes of the network derive, a
// nonce drawn at random for each packet, and no additional data. What is sealed, integers
// with the most significant byte first:
//
//	version:1     1; packets of another version are ignored
//	kind:1        1 announcement, to all; 2 probe, to one address; 3 answer to a probe
//	time:8        when it was sent, in milliseconds since 1970; it grows with each packet
//	id:32         the node that sends it
//	nodes:4       how many nodes it knows, itself included
//	length:2      of the addresses
//	addresses     where it accepts links, as transports dial it: scheme://host:port, with
//	              commas between. Without a host, it is where the packet comes from
//	padding       zeros, to be ignored
//
// All packets have one size, so that nothing can be told from it, an answer is never
// larger than what it answers, and what has another size is dropped unread.
//
// A beacon is believed if it was sealed with a key of the network, is not older or younger
// than [Window], and newer than all others of its node that were heard: one that was
// recorded is good once, for who has not heard it, and only for a dial to where the node
// has been, which TLS then decides about.
//
// # When a node speaks
//
// Announcements follow Trickle (RFC 6206): in an interval, which doubles from [IntervalMin]
// to [IntervalMax], a node announces itself once, at a random time in the second half,
// unless it has heard [redundancy] members or [crowd] nodes of any kind do so before. So a
// wire at rest has a few announcements a minute however many nodes it has. The interval is
// back at its least when a node hears one that it does not know, when it has lost the last
// other member, when interfaces have changed, and when its clock has jumped. One member of many that is lost is no
// reason: if it is there after all it is heard, or the network between nodes finds it.
//
// A node that hears its own id with other addresses dials these: another node may have that
// id, as the copy of a running machine has.
//
// A node that hears another that it does not know dials it; but of two groups of nodes
// that hear of each other not all are to dial at once. The smaller group goes first, where
// they are alike the node with the lower id; and in a group the dials are spread at random
// over [spread] for each node in it. By the time that most of them would dial, the others
// are members.
//
// # Probes
//
// A node that is alone may send probes to the private addresses around it, nearest first.
// A node that gets a probe answers it, up to [answerRate] a second, and takes it for an
// announcement as well.
//
// # Where it is sent
//
// From every interface that is up: to the IPv4 group [Group4], the IPv6 group [Group6]
// and the broadcast addresses of its IPv4 networks, whichever it has, with a hop limit of
// one. A node that is bound to one address uses the interface that has it, and one that is
// bound to the loopback interface no other.
package beacon
