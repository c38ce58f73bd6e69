// Package fanout decides by which way a message gets to all nodes that want it.
//
// To few nodes it goes directly. Beyond [Direct] of them it would cost its sender too
// much to send each a copy: some get the message with a list of others, to whom they
// pass it on. The sender is the root of a [Tree] that is two steps high, as wide as it
// has to be for that: every message takes two steps at most, and nobody sends much more
// than the square root of all copies. Higher trees, as gossip and Scribe build (Castro,
// Druschel, Kermarrec and Rowstron, IEEE JSAC 20(8), 2002), save little more for
// networks of thousands of nodes and lose more when one of them dies.
//
// A message must not overtake another of the same sender, so the way to a node stays
// the same as long as whom it leads over does. When it has to change, the sender waits
// until all that took the old way has arrived, if there is still somebody to ask; and
// the receiver, by a [Filter], drops what comes late nevertheless.
package fanout
