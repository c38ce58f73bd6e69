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
// Each node probes another one every [ProbeInterval]. One that does not answer is
// suspected, and has at least [suspicionMult] intervals to say that it lives: 1.2 s at
// up to ten nodes, more by the logarithm beyond. So a node that pauses for less than a
// second stays a member, and one that is killed is gone for all within two: in 1.4 s at
// the median of simulated networks of ten, in 1.8 s at most.
//
// Memberlist alone does not keep the first promise: see [reminders]. And it takes a node
// for dead whose answers were lost though it goes on to talk; here such a node stays a
// member, see [talkWindow].
//
// At rest a node sends about 1,200 packets and 133,000 bytes a minute, however large
// the network is, besides what links add, and its list four times.
//
// The profile is one for a local network. A probe waits [probeTimeout] for its answer
// before it asks others to probe too, so that with round trips above that a node sends
// six times as many packets, and above [ProbeInterval] members are lost now and then,
// and found again: in simulated networks of ten with 80 to 400 ms, up to three times in
// five minutes in all.
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
