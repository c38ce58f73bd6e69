// Package trace records what happens to some requests, step by step, at the node of the caller
// and at the node that serves. It knows neither links nor members: whoever handles a request
// marks its steps on a [Trace], and whoever has armed the [Recorder] takes the records.
//
// # Cost
//
// While nothing is armed, [Recorder.Sample] and [Recorder.Join] are a load of one pointer, and all
// methods of a nil [Trace] do nothing. While something is armed, other names cost a comparison.
//
// # Bounds
//
// A recorder has at most [MaxSamplings] samplings, each of which ends by itself after its time. A sampling
// samples at most [MaxCount] requests of this node, joins at most four times as many and sixteen of each
// other node, [maxJoined] of all, and all samplings together keep [maxSteps] steps. What exceeds that is not
// recorded, and counted.
//
// # Ids
//
// The id of a trace is one of the W3C's Trace Context: 16 bytes. The first eight are the id of the
// sampling, which was drawn at random, the others are drawn for each trace. A node that is sent the
// id of a trace with a request joins it if it has that sampling for that name, so ids that nobody
// has asked for cost nothing.
package trace
