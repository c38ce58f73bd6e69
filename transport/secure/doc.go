// Package secure makes links out of connections: TLS 1.3, a multiplexer, and
// the exchange of hellos, over anything that is a net.Conn. TCP and the pipes
// of plugins share it, so what can be said of the safety of one holds for all.
//
// An [Endpoint] is everything of a transport that is not the carrying of bytes:
// it has an identity, makes links as the side that dialled or through
// listeners, and closes what it made.
//
// # What strangers cost
//
// Whoever connects gets a seat among a bounded number of unfinished handshakes, and a
// bounded time. When there is no seat left another handshake makes room, which package
// strangers picks: of the source that has the most seats, and of these who has said nothing
// yet. So strangers can not keep out a member who is far away, however fast they connect. Who
// has got through TLS is a member and needs its seat no more. A handshake reads at most what
// crypto/tls lets one send, 256 KiB of certificates. Those that fail are
// counted, and a line a minute is logged.
//
// # What members cost
//
// A link that misbehaves (garbage, more streams or bytes than allowed) is
// closed with transport.CodeProtocol, and nothing else is touched. What a link
// can make this side hold is bounded: see Config.WindowBudget.
//
// A peer from which nothing has come for three Config.KeepAlive is taken for
// dead; it is noticed within four, 8 seconds by default. One whose process
// ends is noticed at once: its system ends the connection.
package secure
