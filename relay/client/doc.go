// Package client attaches a Go application to the node on its host.
//
// [Connect] attaches a plain client, [Register] a member of a cluster, that is an
// instance of a service. With the [Conn] that they return an application names
// clusters and topics, never addresses:
//
//   - [Conn.Request] asks one member of a cluster and gets its reply;
//   - [Conn.Broadcast] tells every member of a cluster;
//   - [Conn.Publish] and [Conn.Subscribe] carry events to every subscriber of a topic;
//   - [Conn.Tunnel] opens an ordered, throttled stream of messages to one member.
//
// # Waiting
//
// Whatever may wait takes a context. A deadline ends it with [ErrTimeout], and
// travels to the node with requests and tunnels. A call that sends waits for room
// when the node does not keep up; it never drops.
//
// # The application's code
//
// Functions of a [Service] and of subscriptions run in goroutines of the
// connection, which never waits for them to read on: one that is slow holds up
// nothing but its own queue. The queues and the number of goroutines are bounded by
// [Config]; what finds no room is dropped for a reason that [Conn.Stats] counts and
// the logger names.
//
// # Memory
//
// Beside what the application holds, a connection takes up to Config.SendQueue for
// writing, Config.ReceiveQueue for each inbound queue, and for each tunnel
// Config.TunnelWindow and one message of Config.MaxMessage. Each queue may exceed
// its bound by one message. Nothing is allocated before it is needed or on the mere
// claim of a length.
package client
