// Package transport is the contract between the overlay and whatever carries
// its bytes: QUIC, TLS over TCP, memory, or a plugin.
//
// A [Transport] makes [Link] values, by dialling or through a [Listener]. A
// link joins two nodes that have proved to each other that they belong to one
// network; it carries any number of flow-controlled, ordered, bidirectional
// [Stream] values, and small datagrams that may be lost.
//
// A transport that implements [Packets] as well carries single packets between nodes that
// have no link.
//
// # When a link is up
//
// Dial and Accept return a link only when both sides have authenticated each
// other and both have exchanged a hello on its first stream. That stream
// belongs to the transport and is never seen by users. A link that was
// returned has therefore been accepted by the other side too, which TLS 1.3
// alone does not say: there, the dialling side is done before its certificate
// has been looked at.
//
// # How a link ends
//
// A link ends once, for one cause, and everything that waits on it returns
// with that cause; [context.Cause] of [Link.Context] has it too. The causes are
// told apart with [errors.Is] and [errors.As]:
//
//	ErrClosed                this side closed it, with Link.Close or Transport.Close
//	*ClosedError             the peer closed it; has its code and reason    (ErrPeerClosed)
//	*NetworkError            the path failed, or fell silent for too long   (ErrNetwork)
//	*ProtocolError           the peer said what it must not say             (ErrProtocol)
//
// and a link that does not come up fails with one of those, or with
//
//	*RefusedError            not allowed: no proof of belonging to the network (ErrRefused)
//	*WrongPeerError          allowed, but not the node that was asked for      (ErrWrongPeer)
//	a context's error        the caller gave up
//
// A stream that ends before its link does so with a [StreamError], a passed
// deadline is [os.ErrDeadlineExceeded], and an orderly end is [io.EOF].
//
// # Addresses
//
// Within one transport an address is text that the transport alone interprets,
// "host:port" for those over IP. Where several transports meet, an address
// carries its scheme in front, "quic://host:port"; see [JoinAddr] and
// [SplitAddr].
package transport
