// Package iris is the root of Iris: messaging for the back end of a service,
// without brokers. It holds no code; the packages below it do:
//
//	cmd/iris           the program
//	relay/client       what a Go application imports to use its local node
//	node               a node, put together
//	relay, relay/wire  the applications that are attached, and their protocol
//	overlay            who serves what, and getting a message there
//	transport          what carries bytes between nodes
//
// docs/architecture.md says how they fit, and docs/semantics.md what they promise.
package iris
