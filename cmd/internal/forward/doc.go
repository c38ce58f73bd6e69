// Package forward joins sockets to names: an [Exposer] is a member of a cluster that
// carries each stream to a target, and a [Forwarder] listens and carries each connection
// to a member of a cluster. Between them goes what streams of package client say, so either
// may have an application at its other end.
//
// # How connections end
//
// As they do without anything in between. An end of writing (FIN) is passed on when all
// that came before it is written, and the other direction goes on. A reset (RST), or
// whatever else breaks a connection, resets the other side. A Unix socket knows no reset:
// there it is a close, after which its other end fails to write, and reads the end.
//
// # A target that refuses
//
// The exposer connects to the target before it accepts a stream. If that fails, the stream
// is refused, which whoever dials learns before anything was sent; a forwarder dials again,
// and gets another member if there is one. The exposer leaves its cluster as soon as
// the target does not accept a connection when it is looked at, which is now and then, and after
// each failure. It goes back when it does. What is connected stays so.
//
// # What is bounded
//
// The number of connections, of an exposer as of a forwarder; those beyond are refused,
// and counted. For each, the package takes two buffers of 32 KiB, and the node and package
// client take what a tunnel does.
package forward
