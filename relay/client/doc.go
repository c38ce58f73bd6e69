// Package client attaches a Go application to the node on its host.
//
// [Connect] attaches a plain client, [Register] a member of a cluster, that is an
// instance of a service. With the [Conn] that they return an application names
// clusters and topics, never addresses:
//
//   - [Conn.Request] asks one member of a cluster and gets its reply;
//   - [Conn.Broadcast] tells every member of a cluster;
//   - [Conn.Publish] and [Conn.Subscribe] carry events to every subscriber of a topic;
//   - [Conn.Tunnel] opens an ordered, throttled stream of messages to one member;
//   - [Call] and [Answer] carry values in place of bytes;
//   - [Conn.Dial] and [Listen] make connections of package net of tunnels: streams.
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
// claim of a length. A stream takes what a tunnel does, and its records are 64 KiB at
// most.
//
// # When the node goes
//
// A connection to the node that is lost fails what was under way by it: requests with
// [ErrNotSent] or [ErrMayHaveRun], tunnels and streams with [ErrClosed]. The contexts of
// handlers end; an answer that comes later goes to nobody, and what was not handled yet is not.
// Events and broadcasts that were queued for the node are lost; [Stats].UnsentBytes counts them.
// What had arrived is delivered.
//
// With [Config].Reconnect the connection is made again, until [Conn.Close]. The first try is
// made after 10 to 20 ms, later ones up to half a second apart, so that a node that is back is
// found within that. Each wait is random, so that the applications of a node do not come back
// all at once. The application is in its cluster again then, and subscribed to what it was,
// before anything that it sends from then on. Nothing is kept meanwhile: what is called
// while there is no connection fails at once with [ErrNotSent], and nothing is sent a second
// time. Functions of [Config] tell the application of the loss and of its end.
//
// # What streams say
//
// A tunnel closes both ways at once. A stream is a convention inside a tunnel by which
// each side can end its writing alone. The node knows nothing of it. This section
// specifies version 1, for those who speak it in other languages.
//
// The first message of each side begins with 14 bytes: the magic, a zero byte and
// "iris stream"; the version, a byte, 1; and the role, 'o' of the side that opened the
// tunnel or 'a' of the one that accepted it. The role tells an answer from an echo. After
// 'o' there may be a source, up to 255 bytes of UTF-8: the address of whoever that side
// speaks for, such as "192.0.2.7:49152". After 'a' there is nothing. The
// side that opened the tunnel speaks first. The other one answers when it has read
// that. A side that does not go on with the stream sends a reset in place of its first
// message, or after it, and closes the tunnel: to another version as to a first message
// that is none of a stream. So who sends plain messages is recognised, and gets one
// message with a reason that can be read. Nothing changes for tunnels whose
// sides both use plain messages.
//
// Each message after that is a record. Its first byte is its kind:
//
//	1  data: 1 to 65,535 bytes, to be read in order
//	2  end of writing: nothing more; this side sends no data after it
//	3  reset: the reason, 0 to 255 bytes of UTF-8; this side sends nothing after it
//
// A record is one chunk of the tunnel, its kind included. So it is as long as the
// node's chunk limit at most, which has to be 512 bytes or more. Data leaves 257 bytes of the
// tunnel's allowance over, for an end and a reset: these do not wait for a receiver
// that takes nothing. Who receives a longer record, an unknown kind, or anything but a reset
// after an end, has found no stream, and resets it.
//
// Both sides may close the tunnel at any time. It closes in good order by an end of
// writing and then the close. A tunnel that closes before the other side's end of
// writing was received has cut the stream off.
package client
