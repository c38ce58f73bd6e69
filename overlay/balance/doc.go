// Package balance picks the node that a request goes to. It is a state machine
// without clock, lock or goroutine: its owner says what time it is, and brings the
// random numbers.
//
// # How it picks
//
// Of two candidates chosen at random, the cheaper one gets the request ("the power
// of two choices": Mitzenmacher, IEEE TPDS 12(10), 2001). Compared to one choice,
// the longest queue grows with the logarithm of the logarithm of the number of
// candidates; and unlike the cheapest of all, it does not draw everybody's requests
// to one place until there is news of it.
//
// The cost of a candidate is
//
//	max(latency measured here, latency reported, penalty) × (load + 1) × (1 + FaultWeight × faults²)
//
// Latency measured here is a moving average that is sensitive to peaks (Peak EWMA of
// Twitter's Finagle, com.twitter.finagle.loadbalancer.PeakEwma): an answer slower
// than the average replaces it at once, a faster one pulls it down with the time
// constant Config.Decay, 10 s as there. Without answers it falls towards zero in the
// same way, so that a node that was slow is tried again.
//
// Load is what the candidate has in hand: of this owner's requests, which is exact,
// or of all according to its last report, aged with the time constant
// Config.ReportLife, whichever is more; divided by the members that it reported.
//
// # Those that are unknown
//
// A candidate that has not answered yet costs nothing while it has no request in
// hand, and while it has one, more than any that has answered, as in Finagle. So it
// is tried as soon as it is drawn, by each owner with one request, and not by all
// requests at once.
//
// # Those that fail
//
// What fails fast must not look good. A fault of the service counts as at least as
// slow as replies of all candidates together, averaged in the same way, and makes no latency better. And
// faults, a moving average of their share with the time constant Config.FaultLife,
// makes the candidate dearer: the idea is that of the error penalty in gRPC's
// weighted round robin (gRFC A58). It is squared so that a few faults, as services
// use to say "not found", weigh little. Where all fail alike it changes nothing.
//
// A refusal, as a node's "overloaded", is no answer. It sets a penalty of
// Config.Penalty, which doubles up to 16 times with each refusal that follows and
// fades with the time constant Config.PenaltyLife.
package balance
