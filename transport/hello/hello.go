// Package hello is the first thing that two nodes say to each other: one
// message each way on the first stream of a link, which is up only when both
// have arrived. Every transport uses it, so that all of them mean the same by
// an accepted link.
//
// The side that dialled opens the stream, sends its hello and ends its
// direction; the other side answers with its own and ends the stream. A
// dialling node sends nothing before it has verified the other's certificate,
// and an accepting one answers only after it has verified the dialler's, so
// either hello says "I have looked at your proof, and take it". The hellos also settle
// which version of the protocol the two speak.
//
// # Encoding
//
//	length  2 bytes, big-endian: of what follows, at most MaxSize
//	newest  2 bytes: the newest version of the protocol that the sender speaks
//	fields  any number of: tag 1 byte, length 2 bytes, value
//
// The fields:
//
//	1  2 bytes: the oldest version that the sender speaks. Without it, it speaks the
//	   newest one only.
//
// A receiver skips fields that it does not know, so that a later version can add some.
//
// # Versions
//
// The two sides speak the lesser of their newest versions, if neither of them finds it
// too old. If one does, both come to that conclusion from the same two hellos. The
// accepting side then ends the link with transport.CodeVersion and a reason for the
// operator of the other node, in place of its hello.
//
// The format of the hello itself is what the ALPN of the TLS handshake stands for, and
// is the same for all versions of the protocol.
package hello

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/project-iris/iris/transport"
)

const (
	// MaxSize bounds a hello after its length, in bytes.
	MaxSize = 1024

	// Timeout bounds the exchange, and is what transports give it. It covers a
	// round trip on a bad path with a lost packet or two, and is as long as a
	// silent peer can hold a place among the unfinished handshakes.
	Timeout = 5 * time.Second
)

// Reasons of a *transport.ProtocolError that an exchange can return.
var (
	ErrTooLarge  = errors.New("hello: larger than the limit")
	ErrMalformed = errors.New("hello: malformed")
)

// fieldOldest is the tag of the oldest version.
const fieldOldest = 1

// Append appends a hello of a node that speaks the versions.
func Append(b []byte, ours transport.Versions) []byte {
	if ours.Oldest == ours.Newest {
		b = binary.BigEndian.AppendUint16(b, 2)
		return binary.BigEndian.AppendUint16(b, ours.Newest)
	}
	b = binary.BigEndian.AppendUint16(b, 2+5)
	b = binary.BigEndian.AppendUint16(b, ours.Newest)
	b = append(b, fieldOldest, 0, 2)
	return binary.BigEndian.AppendUint16(b, ours.Oldest)
}

// Parse reads a hello's body, which is what follows the length, and returns the versions
// that its sender speaks.
func Parse(body []byte) (transport.Versions, error) {
	if len(body) > MaxSize {
		return transport.Versions{}, ErrTooLarge
	}
	if len(body) < 2 {
		return transport.Versions{}, fmt.Errorf("%w: no version", ErrMalformed)
	}
	newest := binary.BigEndian.Uint16(body)
	theirs := transport.Versions{Oldest: newest, Newest: newest}
	for rest := body[2:]; len(rest) > 0; {
		tag, value, after, err := field(rest)
		if err != nil {
			return transport.Versions{}, err
		}
		if tag == fieldOldest {
			if len(value) != 2 {
				return transport.Versions{}, fmt.Errorf("%w: the oldest version has %d bytes", ErrMalformed, len(value))
			}
			theirs.Oldest = binary.BigEndian.Uint16(value)
		}
		rest = after
	}
	if theirs.Oldest > theirs.Newest {
		return transport.Versions{}, fmt.Errorf("%w: %v", ErrMalformed, theirs)
	}
	return theirs, nil
}

// field splits the first field off.
func field(b []byte) (tag byte, value, rest []byte, err error) {
	if len(b) < 3 {
		return 0, nil, nil, fmt.Errorf("%w: a field is cut off", ErrMalformed)
	}
	tag, size := b[0], int(binary.BigEndian.Uint16(b[1:]))
	if size > len(b)-3 {
		return 0, nil, nil, fmt.Errorf("%w: field %d is cut off", ErrMalformed, tag)
	}
	return tag, b[3 : 3+size], b[3+size:], nil
}

// Greet is the dialling side's part: it sends a hello with our versions on a stream just
// opened to the peer, and returns the version that both sides speak. It fails with a
// transport.ErrVersion if there is none. The context bounds it.
func Greet(ctx context.Context, peer transport.PeerID, stream transport.Stream, ours transport.Versions) (uint16, error) {
	defer bound(ctx, stream)()
	if err := send(stream, ours); err != nil {
		return 0, failed(ctx, peer, err)
	}
	theirs, err := receive(stream)
	if err != nil {
		return 0, failed(ctx, peer, err)
	}
	return agree(peer, ours, theirs)
}

// Answer is the accepting side's part, on the first stream of the link. Unlike Greet it
// leaves it to the caller to tell the peer of a transport.ErrVersion: by closing the link
// with that error.
func Answer(ctx context.Context, peer transport.PeerID, stream transport.Stream, ours transport.Versions) (uint16, error) {
	defer bound(ctx, stream)()
	theirs, err := receive(stream)
	if err != nil {
		return 0, failed(ctx, peer, err)
	}
	version, err := agree(peer, ours, theirs)
	if err != nil {
		return 0, err
	}
	if err := send(stream, ours); err != nil {
		return 0, failed(ctx, peer, err)
	}
	return version, nil
}

// agree returns the version that both speak.
func agree(peer transport.PeerID, ours, theirs transport.Versions) (uint16, error) {
	version, ok := ours.Common(theirs)
	if !ok {
		return 0, &transport.VersionError{Peer: peer, Theirs: theirs, Ours: ours}
	}
	return version, nil
}

// bound makes the stream's calls fail when the context ends, until the function
// that it returns is called.
func bound(ctx context.Context, stream transport.Stream) (release func()) {
	stop := context.AfterFunc(ctx, func() { _ = stream.SetDeadline(time.Unix(1, 0)) })
	return func() { stop() }
}

// failed puts the context's error in the place of the deadline that stood for it, and
// says which node it was that has refused this one.
func failed(ctx context.Context, peer transport.PeerID, err error) error {
	if ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		err = context.Cause(ctx)
	}
	if errors.Is(err, transport.ErrVersion) {
		return fmt.Errorf("hello: refused by node %s: %w", peer.Short(), err)
	}
	return fmt.Errorf("hello: %w", err)
}

func send(stream transport.Stream, ours transport.Versions) error {
	if _, err := stream.Write(Append(nil, ours)); err != nil {
		return err
	}
	return stream.CloseWrite()
}

// receive reads one hello and the end of the direction after it.
func receive(stream io.Reader) (transport.Versions, error) {
	var length [2]byte
	if _, err := io.ReadFull(stream, length[:]); err != nil {
		return transport.Versions{}, violation(err)
	}
	size := int(binary.BigEndian.Uint16(length[:]))
	if size > MaxSize {
		return transport.Versions{}, &transport.ProtocolError{Err: ErrTooLarge}
	}
	body := make([]byte, size+1) // one more, to see the end
	n, err := io.ReadFull(stream, body)
	switch {
	case err == nil:
		return transport.Versions{}, &transport.ProtocolError{Err: fmt.Errorf("%w: more follows it", ErrMalformed)}
	case n < size:
		return transport.Versions{}, violation(err)
	case !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF):
		return transport.Versions{}, err
	}
	theirs, err := Parse(body[:size])
	if err != nil {
		return transport.Versions{}, &transport.ProtocolError{Err: err}
	}
	return theirs, nil
}

// violation tells a hello that ends early, which is the peer's doing, from a
// stream that fails, which may not be.
func violation(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &transport.ProtocolError{Err: fmt.Errorf("%w: it ends early", ErrMalformed)}
	}
	return err
}
