// Package witness is applications that remember what they have sent and seen, and a ledger that
// holds it against what Iris promises.
//
// An [Application] attaches to a node by the Go binding, and uses all of it: requests, events,
// broadcasts, tunnels and streams. Between the binding and the node is a tap, which reads the relay
// protocol as it passes, and sees what a binding would hide: a second answer, or a late one.
// All applications are in this process, so that there is one clock, and no record is lost with
// a node.
//
// A [Ledger] is checked in rounds: in each, things go wrong, then all is mended, and after that
// a quiet time has to be in good order. Memory is bounded by what two rounds have.
package witness
