package mux

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/project-iris/iris/transport"
)

// The types of frames; the package comment has their layout.
const (
	typeData byte = iota
	typeDataEnd
	typeReset
	typeStop
	typeCredit
	typeDatagram
	typePing
	typePong
	typeStreams
	typeClose
)

const (
	headerSize = 9

	// maxPayload fills a TLS record of 16,384 bytes together with its header.
	maxPayload = 16<<10 - headerSize

	// initialWindow is how much may be sent on a new stream, in bytes.
	initialWindow = 64 << 10

	// maxWindow bounds what a sender may be credited, whatever a receiver says.
	maxWindow = 1 << 30

	// initialStreams is how many streams may be opened before any streams
	// frame: transport.MinStreams for the user, and the one of the hello.
	initialStreams = transport.MinStreams + 1
)

// What a peer can do wrong, as the cause in a *transport.ProtocolError.
var (
	errFrameType    = errors.New("mux: unknown type of frame")
	errFrameLength  = errors.New("mux: frame longer than its type allows")
	errStreamOrder  = errors.New("mux: stream opened out of order")
	errStreamLimit  = errors.New("mux: more streams than allowed")
	errNoSuchStream = errors.New("mux: frame for a stream that was never opened")
	errWindow       = errors.New("mux: more bytes on a stream than allowed")
	errCredit       = errors.New("mux: more credit than there is room for")
	errAfterEnd     = errors.New("mux: data after the end of a stream")
)

func violation(err error, kind byte, stream uint32) error {
	return &transport.ProtocolError{Err: fmt.Errorf("%w (type %#x, stream %d)", err, kind, stream)}
}

// A header starts every frame.
type header struct {
	kind   byte
	stream uint32
	value  uint32
}

func (h header) append(b []byte) []byte {
	b = append(b, h.kind)
	b = binary.BigEndian.AppendUint32(b, h.stream)
	return binary.BigEndian.AppendUint32(b, h.value)
}

func parseHeader(b *[headerSize]byte) header {
	return header{kind: b[0], stream: binary.BigEndian.Uint32(b[1:]), value: binary.BigEndian.Uint32(b[5:])}
}

// check checks what can be said of a header alone.
func (h header) check() error {
	limit := uint32(1<<32 - 1) // of values that are no length
	switch h.kind {
	case typeData, typeDataEnd:
		limit = maxPayload
	case typeDatagram:
		limit = transport.MaxDatagram
	case typeClose:
		limit = transport.MaxReason
	case typeReset, typeStop, typeCredit, typePing, typePong, typeStreams:
	default:
		return violation(errFrameType, h.kind, h.stream)
	}
	if h.value > limit {
		return violation(errFrameLength, h.kind, h.stream)
	}
	return nil
}
