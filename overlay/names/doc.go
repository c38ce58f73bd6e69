// Package names knows the clusters and topics that the members of a node serve, are
// subscribed to, and send to: who takes a message, here and elsewhere, and what waits for
// somebody who does.
//
// [Names] is a state machine without lock, clock or goroutine. Its owner calls one method
// at a time, says what time it is, and does what a method returns: [Resumed] says who can
// go on. Members are what the owner attaches; other nodes are their ids.
//
// # What waits
//
// A request to a cluster that nobody serves is held, with a copy of its body, until
// somebody does, its deadline comes, or the node drains. So is one for which there is no
// room on the way to those who serve the cluster. A tunnel that is to be opened waits in
// the same way, without being kept here; and a sender waits until it is known where a
// name is served.
//
// A request may be impatient, which is one that is not to wait where nobody serves its
// cluster: it is given back when that is known.
//
// What waits is tried again when the directory learns of nodes, when there is a new link to
// one, and else after [retryMin], and twice as long each time up to [retryMax]: nodes may
// claim for ever what they do not serve.
//
// # Places
//
// Where else a name is served is asked of the directory for as long as members of this node
// send to it, and a minute or two longer: that is a place. Of these there are 65,536 at
// most; a new one takes that of one for which nothing waits.
package names
