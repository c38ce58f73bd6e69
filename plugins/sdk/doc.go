// Package sdk is what the author of a transport plugin in Go imports. A plugin is a
// program that makes connections, of whatever kind, for a node of Iris:
//
//	func main() {
//		sdk.Serve(sdk.Transport{Dial: dial, Listen: listen})
//	}
//
// The node runs TLS over the connections, so a plugin sees encrypted bytes and no key,
// and has nothing to protect. All that it has to do is to carry bytes both ways, in order
// and without loss, until one side closes.
//
// What the process writes to standard error goes to the log of the node. It must not write
// to standard output before Serve.
//
// docs/plugins.md walks through a plugin, and has the protocol for other languages.
package sdk
