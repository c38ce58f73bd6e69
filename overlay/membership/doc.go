// Package membership keeps the list of the nodes of a network, by SWIM (Das, Gupta,
// Motivala, 2002) with the Lifeguard extensions (Dadgar, Phillips, Currey, 2017), as
// hashicorp/memberlist implements them.
//
// The packets and streams of memberlist travel over the links between nodes, which a
// [Carrier] provides: nodes are named by their peer ids, and no address of the network
// is ever used here. So nothing is sent that is not encrypted, and nobody is heard who
// has not proved to belong to the network.
//
// # Times
//
// The profile is memberlist's for a local network: each node probes another one every
// [ProbeInterval], in turns. One that does not answer, to others either, is suspected, and has
// a second at the least to say that it lives, more by the logarithm beyond ten nodes. Then
// it is said to be dead. But the way to it may be bad, so each node asks it itself, and takes
// it for dead when nothing has come from it for another 2.5 s, in packets or over a link, less
// in large networks, and four round trips more where it is far. A node that talks is never
// declared dead: see doubt.go.
//
// So a node that pauses for four seconds stays a member. One that is killed is gone for all
// others after 5.2 s at the median of networks of ten, and 6.2 s of those of a hundred and of a
// thousand; in one of six cases it takes more than 7 s, as chance decides who is probed. Who
// waits for an answer of a node learns sooner that it is gone, by the link.
//
// A node that gets too little time of its processor takes nobody for dead, see late.go: on a
// host with two processors, two hundred nodes that start together need both for 25 seconds, and
// would go on to suspect each other without end.
//
// At rest a node sends about 120 packets and 13,000 bytes a minute, however large the network
// is, besides what carries them, and compares its list twice.
//
// # Splits
//
// Memberlist forgets the dead in a while. Here they are remembered for [Remember] and
// tried again, every few seconds by a node that is alone and by all members together
// about once a second, so that the parts of a network that was cut find together within
// seconds after it heals. A node that has left in good order is not tried, and neither
// is one whose address another node has.
//
// # Bad peers
//
// Memberlist trusts its peers with its memory: it allocates by lengths that they
// claim, unpacks what they have compressed, and keeps every name that it is told. So
// all that comes is held against what memberlist sends itself first, and the number of
// nodes, of streams and of bytes in each are bounded. A peer with the key can still lie
// about who lives: those who do object, and those who do not are dead in seconds.
package membership
