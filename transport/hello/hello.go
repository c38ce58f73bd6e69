// Package hello is the first thing that two nodes say to each other: one
// message each way on the first stream of a link, which is up only when both
// have arrived. Every transport uses it, so that all of them mean the same by
// an accepted link.
//
// The side that dialled opens the stream, sends its hello and ends its
// direction; the other side answers with its own and ends the stream. A
// dialling node sends nothing before it has verified the other's certificate,
// and an accepting one answers only after it has verified the dialler's, so
// either hello says "I have looked at your proof, and take it".
//
// # Encoding
//
//	length   2 bytes, big-endian: of what follows, at most MaxSize
//	version  2 bytes: the newest revision of the protocol that the sender speaks
//	fields   any number of: tag 1 byte, length 2 bytes, value
//
// The major version of the protocol is in the ALPN; revisions within it are
// what a hello negotiates: both sides speak the lesser of the two. No field is
// defined yet. A receiver skips those that it does not know, so that a later
// revision can add some.
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
	// Version is the revision of the protocol that this code speaks.
	Version = 1

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
	ErrVersion   = errors.New("hello: no revision of the protocol in common")
)

// A Hello is what one side says.
type Hello struct {
	Version uint16 // the newest revision spoken; from 1
}

// Append appends the hello as bytes.
func (h Hello) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, 2)
	return binary.BigEndian.AppendUint16(b, h.Version)
}

// Parse reads a hello's body, which is what follows the length.
func Parse(body []byte) (Hello, error) {
	if len(body) > MaxSize {
		return Hello{}, ErrTooLarge
	}
	if len(body) < 2 {
		return Hello{}, fmt.Errorf("%w: no version", ErrMalformed)
	}
	hello := Hello{Version: binary.BigEndian.Uint16(body)}
	for fields := body[2:]; len(fields) > 0; {
		if len(fields) < 3 {
			return Hello{}, fmt.Errorf("%w: a field is cut off", ErrMalformed)
		}
		size := int(binary.BigEndian.Uint16(fields[1:]))
		if size > len(fields)-3 {
			return Hello{}, fmt.Errorf("%w: field %d is cut off", ErrMalformed, fields[0])
		}
		fields = fields[3+size:]
	}
	return hello, nil
}

// Greet is the dialling side's part: it sends ours on a stream just opened and
// returns the answer. The context bounds it.
func Greet(ctx context.Context, stream transport.Stream, ours Hello) (Hello, error) {
	defer bound(ctx, stream)()
	if err := send(stream, ours); err != nil {
		return Hello{}, failed(ctx, err)
	}
	theirs, err := receive(stream)
	if err != nil {
		return Hello{}, failed(ctx, err)
	}
	return theirs, nil
}

// Answer is the accepting side's part, on the first stream of the link.
func Answer(ctx context.Context, stream transport.Stream, ours Hello) (Hello, error) {
	defer bound(ctx, stream)()
	theirs, err := receive(stream)
	if err != nil {
		return Hello{}, failed(ctx, err)
	}
	if err := send(stream, ours); err != nil {
		return Hello{}, failed(ctx, err)
	}
	return theirs, nil
}

// bound makes the stream's calls fail when the context ends, until the function
// that it returns is called.
func bound(ctx context.Context, stream transport.Stream) (release func()) {
	stop := context.AfterFunc(ctx, func() { _ = stream.SetDeadline(time.Unix(1, 0)) })
	return func() { stop() }
}

// failed puts the context's error in the place of the deadline that stood for it.
func failed(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("hello: %w", context.Cause(ctx))
	}
	return fmt.Errorf("hello: %w", err)
}

func send(stream transport.Stream, ours Hello) error {
	if _, err := stream.Write(ours.Append(nil)); err != nil {
		return err
	}
	return stream.CloseWrite()
}

// receive reads one hello and the end of the direction after it.
func receive(stream io.Reader) (Hello, error) {
	var length [2]byte
	if _, err := io.ReadFull(stream, length[:]); err != nil {
		return Hello{}, violation(err)
	}
	size := int(binary.BigEndian.Uint16(length[:]))
	if size > MaxSize {
		return Hello{}, &transport.ProtocolError{Err: ErrTooLarge}
	}
	body := make([]byte, size+1) // one more, to see the end
	n, err := io.ReadFull(stream, body)
	switch {
	case err == nil:
		return Hello{}, &transport.ProtocolError{Err: fmt.Errorf("%w: more follows it", ErrMalformed)}
	case n < size:
		return Hello{}, violation(err)
	case !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF):
		return Hello{}, err
	}
	theirs, err := Parse(body[:size])
	if err != nil {
		return Hello{}, &transport.ProtocolError{Err: err}
	}
	if theirs.Version < 1 {
		return Hello{}, &transport.ProtocolError{Err: ErrVersion}
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
