package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Limits bounds what a [Reader] accepts. A field of zero or less means its default.
type Limits struct {
	// Frame is the greatest length of a frame in bytes, without the length itself.
	// Frames of an unknown type are held to it as well. Default 65 MiB, so that 64
	// MiB of payload fit beside names.
	Frame int
	// Budget is shared with other readers. Default: as much as it takes.
	Budget *Budget
	// Dropped is told of each message that there is no memory for, and that is passed over: one
	// of those that a lane carries, with its id if it is about a request. Nil: that ends the reader,
	// as that of another message does.
	Dropped func(t Type, id uint64)
}

// DefaultFrameLimit is the default of [Limits].
const DefaultFrameLimit = 65 << 20

func (l Limits) withDefaults() Limits {
	if l.Frame <= 0 {
		l.Frame = DefaultFrameLimit
	}
	return l
}

// The buffer of a Reader. It starts at minBuffer, doubles up to fullBuffer while
// reads fill it, and beyond that only for a frame that is longer, as its bytes
// arrive. A frame of the directory fits into fullBuffer.
const (
	minBuffer  = 4 << 10
	fullBuffer = 72 << 10
)

// Reader reads messages. It is not safe for concurrent use.
type Reader struct {
	src    io.Reader
	srcErr error // of src, which may come beside the last bytes
	limits Limits
	err    error // what Read returns from now on

	large  int // bytes taken from the budget
	buf    []byte
	r, w   int    // buf[r:w] has arrived and is not consumed yet
	cursor cursor // here, since one on the stack would escape

	messages
}

// messages holds one message of each type, handed out by Read and used again.
type messages struct {
	info   Info
	seen   Seen
	retire Retire
	ping   Ping
	read   Read
	update Update
	digest Digest
	ack    Ack

	request   Request
	reply     Reply
	refusal   Refusal
	broadcast Broadcast
	event     Event
	forward   Forward
	forwarded Forwarded
	passed    MarkerPassed
	tunnel    Tunnel
}

// message returns the message to decode a frame of the type into, nil if there is
// no such type.
func (m *messages) message(t Type) Message {
	switch t {
	case TypeInfo:
		return &m.info
	case TypeSeen:
		return &m.seen
	case TypeRetire:
		return &m.retire
	case TypePing:
		return &m.ping
	case TypeRead:
		return &m.read
	case TypeUpdate:
		return &m.update
	case TypeDigest:
		return &m.digest
	case TypeAck:
		return &m.ack
	case TypeRequest:
		return &m.request
	case TypeReply:
		return &m.reply
	case TypeRefusal:
		return &m.refusal
	case TypeBroadcast:
		return &m.broadcast
	case TypeEvent:
		return &m.event
	case TypeForward:
		return &m.forward
	case TypeForwarded:
		return &m.forwarded
	case TypeMarkerPassed:
		return &m.passed
	case TypeTunnel:
		return &m.tunnel
	}
	return nil
}

// NewReader returns a reader of the messages that arrive from src.
func NewReader(src io.Reader, limits Limits) *Reader {
	return &Reader{src: src, limits: limits.withDefaults()}
}

// Read returns the next message. It and its slices are valid until the next call;
// whoever keeps a part copies it. Frames of unknown types are skipped.
//
// At the end of the stream it returns io.EOF, or io.ErrUnexpectedEOF inside a
// frame; for a frame that breaks the protocol a [*ViolationError]; [ErrBudget] if there
// is no memory for a frame; else the error of the source. After an error it returns the same error for ever.
func (r *Reader) Read() (Message, error) {
	for r.err == nil {
		m, err := r.next()
		if m != nil {
			return m, nil
		}
		r.err = err
	}
	return nil, r.err
}

// Close gives the memory back that was taken from the budget. The reader must not be used
// any more, nor what it has returned.
func (r *Reader) Close() {
	r.limits.Budget.take(-r.large)
	r.large = 0
}

// next reads a frame. It returns neither a message nor an error for one that is
// skipped.
//
// The length is checked against what its type may have before any of it is waited
// for.
func (r *Reader) next() (Message, error) {
	head, length, err := r.head()
	if err != nil {
		return nil, err
	}
	if err := r.fill(head + 1); err != nil {
		return nil, err
	}
	t := Type(r.buf[r.r+head])
	if limit := r.limit(t); length > uint64(limit) {
		return nil, &ViolationError{t, fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooLong, length, limit)}
	}
	m := r.message(t)
	if m == nil {
		return nil, r.skip(head + int(length))
	}
	if err := r.fill(head + int(length)); err != nil {
		if !r.drops(t, r.buf[r.r+head+1:r.w], err) {
			return nil, err
		}
		return nil, r.skip(head + int(length))
	}
	frame := r.buf[r.r+head+1 : r.r+head+int(length)]
	r.cursor = cursor{b: frame}
	m.consume(&r.cursor)
	if err := r.cursor.err; err != nil {
		return nil, &ViolationError{t, err}
	}
	r.r += head + int(length)
	return m, nil
}

// drops reports whether a message is passed over for an error: others must not lose the link by one
// that may be lost, or whose end can be told without it. What has come of it is its beginning at least.
func (r *Reader) drops(t Type, fields []byte, err error) bool {
	if !errors.Is(err, ErrBudget) || r.limits.Dropped == nil {
		return false
	}
	switch t {
	case TypeEvent, TypeBroadcast, TypeForward, TypeForwarded:
		r.limits.Dropped(t, 0)
	case TypeRequest, TypeReply, TypeRefusal:
		c := cursor{b: fields}
		id := c.varint()
		if c.err != nil {
			return false
		}
		r.limits.Dropped(t, id)
	default:
		return false
	}
	return true
}

// head reads the length of a frame, and returns how many bytes it takes itself.
func (r *Reader) head() (head int, length uint64, err error) {
	for {
		have := r.buf[r.r:r.w]
		length, head = binary.Uvarint(have)
		switch {
		case head > 0 && length == 0:
			return 0, 0, &ViolationError{Err: ErrEmpty}
		case head > 0:
			return head, length, nil
		case head < 0 || len(have) >= binary.MaxVarintLen64:
			return 0, 0, &ViolationError{Err: ErrVarint}
		}
		if err := r.fill(len(have) + 1); err != nil {
			return 0, 0, err
		}
	}
}

// limit returns the greatest length of a frame of the type.
func (r *Reader) limit(t Type) int {
	if t.directory() {
		return min(r.limits.Frame, DirectoryLimit)
	}
	return r.limits.Frame
}

// skip passes over the next n bytes without keeping them.
func (r *Reader) skip(n int) error {
	for {
		have := min(n, r.w-r.r)
		r.r += have
		n -= have
		if n == 0 {
			return nil
		}
		if err := r.fill(1); errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		} else if err != nil {
			return err
		}
	}
}

// fill reads until need bytes are buffered.
func (r *Reader) fill(need int) error {
	for r.w-r.r < need {
		if r.srcErr != nil {
			return r.endError()
		}
		if err := r.makeRoom(need); err != nil {
			return err
		}
		var n int
		n, r.srcErr = r.src.Read(r.buf[r.w:])
		r.w += n
	}
	return nil
}

// endError returns what the end of the source means at this place.
func (r *Reader) endError() error {
	if errors.Is(r.srcErr, io.EOF) && r.w > r.r {
		return io.ErrUnexpectedEOF
	}
	return r.srcErr
}

// makeRoom leaves at least one free byte behind r.w, on the way to need buffered
// bytes. The buffer grows only when it is full of bytes that have arrived, whatever
// length the frame claims, and a large one is given back as soon as it is empty.
func (r *Reader) makeRoom(need int) error {
	pending, size := r.w-r.r, len(r.buf)
	switch {
	case pending == 0 && (size == 0 || size > fullBuffer):
		return r.move(minBuffer)
	case pending == 0 && r.w == size && size < fullBuffer:
		return r.move(min(2*size, fullBuffer))
	case pending == 0:
		r.r, r.w = 0, 0
	case r.w < size:
	case r.r >= size/2 || r.r > 0 && size >= fullBuffer && need <= size:
		copy(r.buf, r.buf[r.r:r.w])
		r.r, r.w = 0, pending
	case size < fullBuffer:
		return r.move(min(2*size, fullBuffer))
	default:
		return r.move(2 * size)
	}
	return nil
}

// move continues in a new buffer.
func (r *Reader) move(size int) error {
	large := 0
	if size > fullBuffer {
		large = size
	}
	if !r.limits.Budget.take(large - r.large) {
		return ErrBudget
	}
	r.large = large
	buf := make([]byte, size)
	n := copy(buf, r.buf[r.r:r.w])
	r.buf, r.r, r.w = buf, 0, n
	r.cursor = cursor{}
	return nil
}
