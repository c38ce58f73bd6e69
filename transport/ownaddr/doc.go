// Package ownaddr knows the addresses of this host: which of them others are told, best
// first, and how to dial what others tell of theirs.
//
// # What others are told
//
// A host can have many addresses by which nobody reaches it: those of the bridges of
// containers and virtual machines, and of tunnels. So [Rank] puts them in this order, and
// tells [MaxTold] at most:
//
//  1. addresses of this host that other nodes see its links come from, or have dialled;
//  2. those of an interface that a default route leads through, lower metrics first;
//  3. addresses that other nodes see and this host does not have, as behind a translator
//     of addresses, [maxOutside] at most: others say them, and may lie;
//  4. those of other interfaces;
//  5. those of bridges and tunnels, which may be all that a node has to be reached by;
//  6. link-local ones, but for bridges and tunnels. They are told without a zone, which
//     means something on this host alone.
//
// In each class IPv4 comes first, then it is the order of the interfaces. A loopback
// address is told only by a host that has no other address: nobody else can hear it.
//
// # What is dialled
//
// [View.Arrange] leaves out the addresses of this node itself: that of a bridge is the same
// on many hosts. It puts those first that are on a network which this host has an interface
// on, and those last that are on the network of a bridge of its own. A link-local address
// without a zone is tried on each interface that has one too, [maxZones] at most.
package ownaddr
