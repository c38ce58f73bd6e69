// Package network runs a network of nodes on this host, each a process of its own, and
// measures what it does and takes: how long the nodes need to know each other, what they take
// at rest, what requests from node to node take, and how long it takes until a node that dies
// or falls silent is missed.
//
// [Run] goes through these phases. A node's log is read all the while: its warnings and
// errors are part of the [Result].
package network
