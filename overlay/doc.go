// Package overlay is the network as an application sees it: clusters and topics by
// name, and getting a message to their members.
//
// An [Overlay] knows the members that are attached to this node. Each is a
// [Member], which its owner uses to send, and a [Handler], which the overlay calls
// to deliver. What a member may rely on:
//
//   - A request runs on at most one member of its cluster, the one with the fewest
//     requests and tunnels in hand, and gets exactly one answer by its deadline. It
//     goes to another member only while it certainly was not handed to one. If
//     there is no member, or none has room, it waits for one.
//   - A broadcast and an event reach each receiver at most once, and in the order
//     in which one sender sent them.
//   - A tunnel is a stream of bytes to one member.
//   - A member that leaves gets nothing new, and answers what it has in hand.
//
// # Parts
//
// This package is the wiring. What a member has asked and what it has in hand is package
// member's; who serves a name, here and elsewhere, and what waits is lookup's, with names and
// directory; what is open until a deadline is calls'; which other nodes there are is network's,
// and what is said to one of them remote's and session's; messages to many nodes are
// multicast's; the ends of tunnels are tunnel's. None of them knows this package.
//
// It has no lock of its own. The order of those of its parts is in docs/locks.md.
package overlay
