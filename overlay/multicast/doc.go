// Package multicast gets messages to all nodes that want them.
//
// To few nodes a message goes directly. Beyond [Direct] of them it would cost its sender
// too much to send each a copy: some get the message with a list of others, to whom they
// forward it. The sender is the root of a [Tree] that is two steps high, as wide as it
// has to be for that: every message takes two steps at most, and nobody sends much more
// than the square root of all copies. Higher trees, as gossip and Scribe build (Castro,
// Druschel, Kermarrec and Rowstron, IEEE JSAC 20(8), 2002), save little more for
// networks of thousands of nodes and lose more when one of them dies.
//
// # Order
//
// A message must not overtake another of the same sender. So a [Route], the tree of one name,
// keeps each node on its branch as long as the node that the branch leads over is there. When a
// branch is cut, the sender sends a marker after its last message by it, and uses the new tree
// when all nodes that can still be asked have the marker; and the receiver, by a [Filter], drops
// what comes late nevertheless.
//
// What is forwarded travels in a lane of its own. Whoever reads that one waits for no lane
// himself, so that nodes that forward to each other do not wait for each other for ever.
//
// # Locks
//
// Multicast.mu guards the routes, markers.mu the markers under way, Filter.mu the senders that
// were heard, pending.mu what waits for links, Sender.mu the order of one sender, and a [Turn]
// the delivery of one message. None is held while another one of them is locked, but for
// Sender.mu and a Turn, under which a message is sent or delivered.
package multicast
