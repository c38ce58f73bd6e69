// Package load drives a messaging system as applications do, and measures it: requests,
// events, broadcasts and tunnels, at a rate or as fast as they go.
//
// What is driven is a [System]. [Iris] is the one that there is here; others can be given
// to compare.
//
// [Beside] has the same applications put two loads on a system at a time.
//
// # Latency
//
// With a rate, each message has a time at which it is due, and its latency counts from
// there, whether or not there was a place in flight for it then. So a system that stops
// for a second has that in all the messages that were due meanwhile, not in one (what Gil
// Tene calls coordinated omission). That a sender is woken late is part of it: some tens of
// microseconds on Linux, up to a millisecond or more elsewhere. Without a rate, latency counts from when the
// message is sent.
//
// # Losses
//
// Messages are numbered, and each receiver notes the numbers that it has got. What is
// missing at the end, or came twice, is counted over the whole run, the warm-up included.
// Senders and receivers are in one process, which also is how events are kept in flight
// up to a limit.
package load
