// Package peers has the links to the other nodes of a network: one to each node that the
// owner wants one to, made when it is wanted. It does not end them.
//
// # One link for two nodes
//
// Two nodes may dial each other at the same time, and each must not use another link
// than its peer. So one of them decides: the one with the lower id. It takes the first
// link that is up into use, and says so with the first byte of a stream that it opens,
// the control stream; the others it closes.
//
// A node that dials although the decider still has a link in use may have lost that
// one, or may not know yet whom it dials. So a node that has dialled a decider says
// which of the two it is, and only a node that has lost the old link gets the new one.
// Within [crossing] after the old one came into use it does not: it had then dialled
// before it heard of the old one.
//
// # Two nodes with one id
//
// They take each other's links. Config.Contested says so: see [Contest].
//
// # Streams
//
// The first byte of every stream says what it is for, a [Kind].
//
// # Bad peers
//
// A peer that breaks these rules loses the stream that broke them, and one that keeps
// links without use loses those. The links of one node are bounded, and so are all.
package peers
