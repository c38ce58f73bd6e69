// Package plugins runs a transport that is a program of its own, and makes it a
// transport.Transport like the others.
//
// A plugin makes connections of some kind, and carries their bytes. The node runs
// transport/secure over them, TLS and all, so a plugin is no more than the network is: it
// can delay, drop and count, and cannot read, alter or forge. It gets no key.
//
// The plugin makes each connection when it is told to by gRPC, and hands its bytes over at
// its data socket: a Unix socket, and a loopback port on Windows. That is their only way.
//
// # What a plugin can cost
//
// A plugin may be hostile or broken, and is treated the same. All that it says
// is bounded and checked: messages (512 KiB), addresses (255 bytes of printable ASCII),
// where it has its sockets, connections (Config.MaxConns), connections accepted in a second,
// and what its standard error writes to the log. One that breaks the protocol is killed.
//
// A plugin that ends, hangs or is killed takes its links along, and nothing else. It is
// started again, after pauses that grow; until then Dial fails at once, so that a node
// with other transports uses those. Listeners listen again at their old address.
//
// # Processes
//
// A process is started with an environment of a few harmless variables, in a process
// group of its own, and with a pipe as standard input that it has to watch: when that
// ends, so does the plugin. On Linux the kernel kills it too when the node dies. What is
// there of its group when it ends, is killed.
//
// The program may be written only by its owner, who is this user or root; so may the
// directories above it. On Windows that is for the operator to see to.
package plugins
