// Package peers keeps the links to the other nodes of a network: one to each node
// that the owner asks for, dialled again when it is lost.
//
// # One link for two nodes
//
// Two nodes may dial each other at the same time, and each must not use another link
// than its peer. So one of them decides: the one with the lower id. It takes the first
// link that is up into use, and says so with the first byte of a stream that it opens,
// the control stream; the others it closes. Only when its peer dials although there
// has been a link for longer than [crossing] it takes the new one: the peer has lost
// the old.
//
// # Streams
//
// The first byte of every stream says what it is for, a [Kind].
package peers
