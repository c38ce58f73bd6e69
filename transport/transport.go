package transport

import (
	"context"
	"time"
)

// A Transport makes links of one kind. All methods may be called by any
// goroutine at any time.
type Transport interface {
	// Scheme names the transport in addresses and in the -transport flag, in
	// lower case: "quic", "tcp", "mem".
	Scheme() string

	// Versions are those that the transport was made with. Its links agree on one.
	Versions() Versions

	// Dial returns a link to the node at addr, once it is up. If want is not
	// zero, a peer with another id fails with a *WrongPeerError; a zero want
	// accepts every node of the network. A node never gets a link to itself: that
	// is refused with ErrSelf. Where it reaches another node that proves the same
	// id, that is refused with ErrSameID; a transport that cannot be sure says
	// ErrSelf.
	// A node without a version in common fails with ErrVersion, whichever of the two has
	// refused the other.
	//
	// The context bounds the dial, not the link. Each transport has a bound of
	// its own for the handshake, so that a context without a deadline is safe.
	Dial(ctx context.Context, addr string, want PeerID) (Link, error)

	// Listen starts accepting links at addr. The context bounds the call, not
	// the listener.
	Listen(ctx context.Context, addr string) (Listener, error)

	// Close closes all listeners and links of the transport and returns when the
	// last of its goroutines has ended. Closing again does nothing and waits too.
	// Every call on a closed transport fails with ErrClosed.
	Close() error
}

// A Listener accepts the links that others dial. All methods may be called by
// any goroutine at any time.
type Listener interface {
	// Accept waits for the next link that is up. Peers that are refused are
	// logged and counted by the transport, and never make Accept fail. After
	// Close it fails with ErrClosed, when the context ends with the context's
	// error; any other error means that the listener is of no more use.
	//
	// Handshakes go on beside Accept, a bounded number of them; links that are up
	// wait for Accept in a bounded queue. A node calls Accept in a loop, and when
	// it does not, new peers are turned away, and old links are not disturbed.
	Accept(ctx context.Context) (Link, error)

	// Addr is where the listener listens, in the form that Dial takes, the port
	// filled in. The host is unspecified ("[::]:14142") if the listener was told
	// to use all interfaces.
	Addr() string

	// Close stops accepting. Links that were accepted live on; those still in the
	// queue are closed. It returns when the listener's goroutines have ended.
	Close() error
}

// A Link joins two nodes of one network. All methods may be called by any
// goroutine at any time, and again after the link has ended.
type Link interface {
	// Peer is the id that the other side has proved.
	Peer() PeerID

	// Version is the version of the protocol between nodes that both sides speak on
	// this link. It is the same at both ends, and one of the transport's Versions.
	Version() uint16

	// LocalAddr and RemoteAddr are the two ends, for logs and for statistics.
	LocalAddr() string
	RemoteAddr() string

	// Open returns a new stream, and does not wait for the peer: it learns of the
	// stream with the first Write, CloseWrite or Reset. Open waits, until the
	// context ends, only while the peer's limit of streams is reached, which is
	// never below MinStreams.
	Open(ctx context.Context) (Stream, error)

	// Accept waits for the next stream that the peer has opened. Streams come in
	// an order that is not specified.
	Accept(ctx context.Context) (Stream, error)

	// SendDatagram sends up to MaxDatagram bytes, best effort: the datagram
	// arrives whole and at most once, or is lost, and may overtake others. It does
	// not wait: when the queue is full it drops the datagram, counts it, and
	// returns nil. It keeps no reference to b. More than MaxDatagram bytes fail
	// with a *DatagramTooLargeError; on a link that has ended it fails with the
	// cause.
	SendDatagram(b []byte) error

	// ReceiveDatagram waits for the next datagram. The bytes belong to the
	// caller. Datagrams wait in a bounded queue; what does not fit is dropped and
	// counted.
	ReceiveDatagram(ctx context.Context) ([]byte, error)

	// Close ends the link at once and returns when its goroutines have ended.
	// What was written and has not yet arrived may be lost: to hand over
	// everything, close the streams and wait for the peer to end them first.
	//
	// The peer is told why. A nil cause is an end in good order, CodeNone; a
	// *ClosedError in the cause's chain gives code and reason, and so does a
	// *VersionError; of any other cause the peer sees CodeInternal and the text, so causes must not hold
	// secrets. The text is cut to MaxReason bytes. Here the link's cause becomes
	// ErrClosed, wrapping the cause given. Closing a link that has ended does
	// nothing and returns nil.
	Close(cause error) error

	// Context ends with the link; context.Cause tells why.
	Context() context.Context

	// Stats is a snapshot, good at any time, and cheap enough for every second.
	Stats() Stats
}

// A Stream is an ordered, reliable, flow-controlled flow of bytes in both
// directions.
//
// One goroutine may read while another one writes. Reads must not be
// concurrent with each other, nor may Write and CloseWrite be. Reset,
// CancelRead and the deadlines may be called at any time.
//
// A stream is released when both its directions have ended and this side has
// been told: writing by CloseWrite, by Reset, or by an error of Write; reading
// by an error of Read, io.EOF included, by CancelRead or by Reset. A user that
// drops a stream without that holds its memory until the link ends; a deferred
// Reset is the simple way to be sure, and does no harm to a stream that was
// read to its end and has had its CloseWrite.
type Stream interface {
	// Read reads what has arrived, in order. It returns io.EOF after the peer's
	// CloseWrite; a *StreamError after a reset by either side, or this side's
	// CancelRead; the link's cause when that has ended. A reset or the link's end
	// may discard what had arrived and had not been read.
	Read(b []byte) (int, error)

	// Write sends b. It waits while the peer does not read: each side buffers a
	// bounded amount of every stream. When it returns an error, n bytes at most
	// have been handed over, and nobody knows how many have arrived. It keeps no
	// reference to b. It fails with ErrWriteClosed after CloseWrite, with a
	// *StreamError when either side reset the stream or the peer cancelled
	// reading, and with the link's cause when that has ended.
	Write(b []byte) (n int, err error)

	// CloseWrite ends the writing direction in good order: the peer reads what
	// was written, then io.EOF. It does not wait for that. Reading goes on.
	// Closing again does nothing.
	CloseWrite() error

	// Reset ends both directions at once, with a code. What is underway may be
	// lost. The peer's Read and Write fail with a *StreamError with that code and
	// Remote set; the own ones with Remote not set. A direction that has already
	// ended stays as it is: what was written before a CloseWrite still arrives,
	// with io.EOF after it.
	Reset(code Code)

	// CancelRead ends the reading direction only: the own Read fails with a
	// *StreamError, what had arrived is dropped, and the peer's Write soon fails
	// with one that has the code and Remote set. Writing goes on.
	CancelRead(code Code)

	// SetReadDeadline makes a Read that waits at t, or later, fail with
	// os.ErrDeadlineExceeded. It applies to a Read that waits already. The
	// stream stays good: a later deadline, or a zero one for none, makes Read go
	// on.
	SetReadDeadline(t time.Time) error

	// SetWriteDeadline does the same for Write, which may then have sent a part:
	// n says how much, and writing can go on from there.
	SetWriteDeadline(t time.Time) error

	// SetDeadline sets both.
	SetDeadline(t time.Time) error
}

// TryWriter is a [Stream] that can also be written to without a wait, where its transport can
// do that. TryWrite writes all of b at once and returns its length, or returns 0 and does
// nothing. It is a Write as far as concurrency goes. Why nothing was written, Write finds out.
type TryWriter interface {
	TryWrite(b []byte) (n int)
}

// Limits that all transports share, so that swapping one for another changes
// nothing for the user.
const (
	// MaxDatagram is the most that SendDatagram takes, in bytes. It fits a QUIC
	// packet of 1,200 bytes, the least that every path must carry (RFC 9000,
	// section 14).
	MaxDatagram = 1024

	// MinStreams is how many streams each side of a link can have open at
	// once, at the least.
	MinStreams = 1024

	// MaxReason is how much of a reason reaches the peer, in bytes.
	MaxReason = 256
)
