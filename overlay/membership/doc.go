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
// suspected, and has at least [suspicionMult] intervals to say that it lives: a second
// at up to ten nodes, more by the logarithm beyond. So a node that pauses for less
// than a second stays a member, and one that is killed is gone for all within two.
package membership
