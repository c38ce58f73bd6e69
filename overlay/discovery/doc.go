// Package discovery finds the other nodes of a network, so that nobody has to name them.
//
// A [Source] looks for nodes in some way of its own and gives [Hint] after hint: there
// may be a node at this address. A [Finder] runs sources, and dials what they hint at,
// a few at a time and not too often, as [agenda] says. Whether it is a node of the
// network is found out by the dial alone: a hint is nothing that is trusted.
//
// There are these sources:
//
//   - [Join], a node that was named;
//   - beacon.Source, in a package of its own: nodes on the same wire hear each other, and
//     where a network has no multicast it asks the addresses around;
//   - [DNS], all addresses that a name has;
//   - [Command], the addresses that a command prints;
//   - [Remembered], the nodes that were members before a restart.
package discovery
