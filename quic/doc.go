// Package quic makes links over QUIC (RFC 9000), with quic-go.
//
// One UDP socket carries all links of a listener, and the links that the node
// dials too, where its address allows it: so a node that is killed and comes
// back at its address answers the packets of links that it no longer knows with
// stateless resets, and the other sides end those at once.
//
// # When a dead peer is noticed
//
// A side that has heard nothing for DefaultKeepAlive sends a packet to be heard,
// and ends the link when it then hears nothing for DefaultIdleTimeout: 8 s at
// the most after the last sign of life, both sides alike. Longer only on paths
// whose round trips take seconds, where quic-go waits for three probe timeouts
// (RFC 9002, section 6.2).
//
// It is sooner where a system answers in the peer's place. A host whose process
// was killed says that the port is unreachable, and a process that has come
// back sends a stateless reset: either ends the link within 0.3 s of the next
// packet sent, a keep-alive at the latest. Only Linux passes the former on.
//
// # When packets do not get through
//
// What the system says of a packet, because of a message (ICMP) that anybody can
// send, ends no socket and no link by itself (steadyConn). A socket that is dead
// all the same ends its listener with a NetworkError, and makes room for another
// one at its address.
//
// Links begin with packets of 1,200 bytes, and quic-go finds out what more the
// path carries. When the path comes to carry less, and large packets vanish while
// small ones pass, the link ends within a few seconds with a NetworkError, on the
// other side with transport.CodePath, and for ten minutes links to that address
// send 1,200 bytes from this side (watch).
//
// # Packets beside links
//
// What begins with a byte whose two highest bits are zero is no packet of QUIC (RFC 9443,
// section 3), and quic-go hands it over: soundings, by which a watch finds out what the path
// carries, and packets of the user (transport.Packets). These leave by the socket that links
// to their address are dialled from, or by the one that packets from there have come to.
// Which address of the host they leave with is for the system to choose, where the socket
// has no particular one. They are not fragmented on the way.
//
// # What a peer can cost
//
// Before it has proved that it belongs to the network: a place among
// maxHandshakes, for hello.Timeout and quic-go's handshake time at the longest,
// and after the first half of these places its address is validated with a
// round trip before anything is computed (RFC 9000, section 8.1.2). Of packets beside links,
// which anybody can send, 256 wait to be received and 32 more for each socket.
//
// As a peer of a link that is up: MaxStreams streams, LinkWindow bytes of
// stream data that nobody reads, and 128 datagrams. More than that breaks
// QUIC's flow control, and ends its own link only.
package quic
