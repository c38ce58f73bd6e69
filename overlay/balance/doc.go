// Package balance measures what nodes take to answer, and picks who is asked next. It
// has no clock and no goroutine: callers say what time it is, and bring the random
// numbers.
//
// # How it picks
//
// Of two candidates drawn at random the cheaper one gets the request ("the power of two
// choices": Mitzenmacher, IEEE TPDS 12(10), 2001). Compared to one choice, the longest
// queue grows with the logarithm of the logarithm of the number of candidates; and unlike
// the cheapest of all, it does not draw everybody's requests to one place until there is
// news of it.
//
// # What a candidate costs
//
// A [Gauge] keeps the cost of one:
//
//	(latency + share of faults² × 1 s) × (load + 1)
//
// Latency is a moving average that is sensitive to peaks (Peak EWMA of Twitter's Finagle,
// com.twitter.finagle.loadbalancer.PeakEwma): an answer slower than the average replaces
// it at once, a faster one pulls it down. A refusal counts as an answer that took a
// second. It fades in 10 s without an answer, so that who was slow is tried again, and is
// never less than 100 µs: of those that nothing is known about, the one with the fewest
// requests is the best.
//
// Load is what the candidate has in hand: of the requests of this node, which is exact, or
// as it has reported with its last answer, which counts less and less within a second,
// whichever is more.
//
// Faults are fast, and must not look good: the idea is that of the error penalty in
// gRPC's weighted round robin (gRFC A58). The penalty goes with the square of their
// share, so that a few, as services say "not found", weigh little; where all fail alike
// it changes nothing. The share follows what comes, and is forgotten, within 5 s.
package balance
