// Package relay serves the applications that are attached to this node.
//
// A [Relay] accepts connections, and each becomes a session: it decodes what the
// application sends (package wire) and passes it to the network, which it knows
// only as a [Mesh], and queues what the network delivers. The rules that existing
// bindings depend on are kept here.
//
// # Goroutines
//
// A session has one goroutine that reads, which owns its state, and one that
// writes its queue. A tunnel has two more, one for each direction. Messages cost
// none: whoever sends a message encodes it into the queue of its receiver.
//
// # Applications that do not read
//
// What an application has not read yet waits in a queue of Config.QueueLimit
// bytes. When it is full:
//
//   - An event or a broadcast waits for room for at most Config.Patience, in line
//     with those of other senders, which slows them to the pace of their receiver.
//     If that was not enough it is dropped and counted, and further ones are
//     dropped without waiting for ten seconds, or while the application takes no
//     byte at all, so that it cannot slow its senders for long. It is named in the
//     log, once when that begins and once when it is over.
//   - A request is refused at once, so that another member gets it. When there is
//     room again the network is told, where requests wait for that.
//   - The data of tunnels waits. That slows those tunnels and nothing else.
//   - Answers to its own requests, which nobody may drop, are taken up to twice the
//     limit. Beyond, nothing more is read from that application, and the answers
//     become the fault "overloaded".
//
// An application that takes no byte at all for Config.StallTimeout while there is
// something to read is disconnected.
package relay
