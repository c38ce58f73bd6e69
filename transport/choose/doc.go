// Package choose makes one transport of several, in order of preference: it
// listens on all of them, and a link takes the first that both sides have and
// that connects.
//
// Its addresses are lists, "quic://10.0.0.1:14142,tcp://10.0.0.1:14142", as a
// node tells them to others. One without a scheme, as a user gives it, stands
// for every transport. Schemes that are not known here are passed over: the
// other side has more than this one.
//
// Candidates are dialled one after the other: the next begins when one before
// it has failed, or has had a head start without an answer (as RFC 8305
// does for IPv6 and IPv4). The first link that is up wins.
//
// At each host a transport has the head start over the next one. The hosts of a
// list follow each other by it too, and more quickly where they are many, so that
// the last of them is not too late: the preferred transport has begun at all hosts
// within a second. A list has 48 candidates at most; more are not dialled.
//
// # Packets
//
// Packets beside links (transport.Packets) go to one address, whose scheme says by which
// transport; nothing is chosen. They are received from all transports that carry them.
//
// # What is blocked
//
// Networks that block UDP mostly do it in silence, and would cost every dial the
// head start. A candidate that failed, or had not answered, when one of a less
// preferred transport came up is therefore taken for blocked, and is dialled
// after the others for some time; then it has its place again, and the next
// dial looks anew. Candidates count by scheme and host. That a transport is only
// slow hardly counts: with QUIC before TCP, the one that loses needs fewer round
// trips and had the head start.
package choose
