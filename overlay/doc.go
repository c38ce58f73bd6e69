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
//   - A member that leaves gets nothing new, and answers what it holds.
//
// # Locks
//
// Overlay.mu guards the names: clusters, topics and held requests. Member.mu
// guards the requests of one member. Overlay.mu may be held when Member.mu is
// locked, never the other way round, and neither while a Handler is called.
package overlay
