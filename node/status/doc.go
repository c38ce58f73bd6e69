// Package status is what a node says about itself: one tree, from which all that shows a node
// to people and to machines is derived. [Node] is the tree of one node, as JSON at /v1/status;
// [Network] those of all nodes, at /v1/network.
//
// # Promise
//
// Within v1 a field keeps its name, its unit and its meaning. Fields are added, and readers
// have to ignore those that they do not know. A field that has nothing to say may be left out,
// which means zero. A reason that was once in the list of [Reasons] stays in it, and others are
// added. What cannot be kept so will be at /v2.
//
// # Units
//
// The name of a field ends in its unit: _seconds, _bytes, _per_second. What has none counts.
// Counts of what has happened begin with the node, and only grow; others say what is now.
//
// # Text
//
// Names of clusters and topics are raw bytes, chosen by strangers, as are addresses and reasons
// of other nodes. In the tree they are escaped by [Text], so that they are valid UTF-8 without
// control characters, in JSON as on a terminal.
package status
