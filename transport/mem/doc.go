// Package mem is a network in memory: a transport for tests and simulations,
// with delay, jitter, loss, limited bandwidth, partitions and nodes that die
// without a word.
//
// A [Network] is the medium, and also what a network key is elsewhere: its
// nodes trust each other. [Network.Node] adds a node and returns its transport.
// Addresses are any text that a node listens on.
//
// All time is taken from package time, and nothing polls: in a testing/synctest
// bubble an idle network has no timer running, and an hour of its life costs
// what happens in it. A network belongs to the bubble it was made in.
//
// Streams are reliable, so loss does not touch them, and a partition only holds
// them up. It ends a link, as on a real network, when it has lasted for
// Config.IdleTimeout. Datagrams and packets are lost by chance, and always in a partition.
package mem
