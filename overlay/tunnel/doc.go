// Package tunnel is the two ends of a tunnel: a pipe where both are at one node, and a
// stream of the link between two nodes otherwise. To both it is a stream of bytes in each
// direction, a [Stream].
//
// Between nodes a tunnel begins with a [wire.Tunnel], which says for which cluster it is,
// and one byte back, a [wire.Verdict]. What follows is the applications'.
package tunnel
