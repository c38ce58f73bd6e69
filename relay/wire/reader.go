package wire

import (
	"errors"
	"io"
)

// Side is the side of a connection that sent a frame. The fields behind an opcode
// depend on it.
type Side int

// The two sides of a connection.
const (
	FromApplication Side = iota
	FromRelay
)

// Limits bounds what a [Reader] accepts. A field of zero or less means its default.
type Limits struct {
	// Name is the longest cluster, topic, version or reason, in bytes. Default
	// 64 KiB.
	Name int
	// Payload is the longest message, body, reply, fault, event or chunk, in
	// bytes. Default 64 MiB.
	Payload int
	// Memory is what buffers of more than 4 KiB are taken of. An error of it ends the reader.
	// Default: as much as they take.
	Memory Memory
}

// Memory is what readers share.
type Memory interface {
	// Take takes bytes, or fails. It may wait.
	Take(bytes int64) error
	// Give gives them back.
	Give(bytes int64)
}

// The defaults of [Limits].
const (
	DefaultNameLimit    = 64 << 10
	DefaultPayloadLimit = 64 << 20
)

func (l Limits) withDefaults() Limits {
	if l.Name <= 0 {
		l.Name = DefaultNameLimit
	}
	if l.Payload <= 0 {
		l.Payload = DefaultPayloadLimit
	}
	return l
}

// The buffer of a Reader. It starts at minBuffer, so that ten thousand idle
// applications cost little; doubles up to fullBuffer while reads fill it, so that
// a busy one needs few system calls; and beyond that only for a frame that is
// longer, as its bytes arrive. A frame with a chunk of 64 KiB, the limit that
// bindings know from the original, fits into fullBuffer, which is the next size
// that the allocator has.
const (
	minBuffer  = 4 << 10
	fullBuffer = 72 << 10
)

// Reader reads the messages that one side of a connection sends. It is not safe
// for concurrent use.
type Reader struct {
	src    io.Reader
	srcErr error // of src, which may come beside the last bytes
	side   Side
	limits Limits
	err    error // what Read returns from now on

	taken  int64 // bytes of memory, for buf
	buf    []byte
	r, w   int    // buf[r:w] has arrived and is not consumed yet
	cursor cursor // of the frame at r; here, since one on the stack would escape

	messages
}

// messages holds one message of each type, handed out by Read and used again.
type messages struct {
	init        Init
	accept      Accept
	deny        Deny
	close       Close
	closed      Closed
	broadcast   Broadcast
	delivery    Delivery
	request     Request
	call        Call
	reply       Reply
	result      Result
	subscribe   Subscribe
	unsubscribe Unsubscribe
	publish     Publish
	tunInit     TunInit
	tunOffer    TunOffer
	tunConfirm  TunConfirm
	tunResult   TunResult
	tunAllow    TunAllow
	tunTransfer TunTransfer
	tunClose    TunClose
	tunClosed   TunClosed
}

// NewReader returns a reader of the messages that side sends, as they arrive from
// src.
func NewReader(src io.Reader, side Side, limits Limits) *Reader {
	return &Reader{src: src, side: side, limits: limits.withDefaults()}
}

// Read returns the next message. It and its slices are valid until the next call;
// whoever keeps a part copies it.
//
// At the end of the stream it returns io.EOF, or io.ErrUnexpectedEOF inside a
// frame; for a frame that breaks the protocol a [*ViolationError]; else the error
// of the source. After an error it returns the same error for ever.
func (r *Reader) Read() (Message, error) {
	for r.err == nil {
		m, need, err := r.parse()
		if m != nil {
			return m, nil
		}
		if err == nil {
			err = r.fill(need)
		}
		r.err = err
	}
	return nil, r.err
}

// parse returns the message at the start of the buffer, or how many bytes have to
// be buffered before there can be one.
func (r *Reader) parse() (Message, int, error) {
	if r.r == r.w {
		return nil, 1, nil
	}
	op := Op(r.buf[r.r])
	m := r.message(op)
	if m == nil {
		return nil, 0, &ViolationError{Op: op, Err: ErrOpcode}
	}
	c := &r.cursor
	*c = cursor{b: r.buf[r.r:r.w], off: 1, limits: r.limits}
	m.consume(c)
	switch {
	case c.err == nil:
		r.r += c.off
		return m, 0, nil
	case errors.Is(c.err, errShort):
		return nil, c.need, nil
	default:
		return nil, 0, &ViolationError{Op: op, Err: c.err}
	}
}

// message returns the message to decode a frame of op into, nil if the side of
// this reader sends no such frame.
func (r *Reader) message(op Op) Message {
	if r.side == FromRelay {
		return r.fromRelay(op)
	}
	return r.fromApplication(op)
}

func (r *Reader) fromApplication(op Op) Message {
	switch op {
	case OpInit:
		return &r.init
	case OpClose:
		return &r.close
	case OpBroadcast:
		return &r.broadcast
	case OpRequest:
		return &r.request
	case OpReply:
		return &r.reply
	case OpSubscribe:
		return &r.subscribe
	case OpUnsubscribe:
		return &r.unsubscribe
	case OpPublish:
		return &r.publish
	case OpTunInit:
		return &r.tunInit
	case OpTunConfirm:
		return &r.tunConfirm
	case OpTunAllow:
		return &r.tunAllow
	case OpTunTransfer:
		return &r.tunTransfer
	case OpTunClose:
		return &r.tunClose
	}
	return nil
}

func (r *Reader) fromRelay(op Op) Message {
	switch op {
	case OpInit:
		return &r.accept
	case OpDeny:
		return &r.deny
	case OpClose:
		return &r.closed
	case OpBroadcast:
		return &r.delivery
	case OpRequest:
		return &r.call
	case OpReply:
		return &r.result
	case OpPublish:
		return &r.publish
	case OpTunInit:
		return &r.tunOffer
	case OpTunConfirm:
		return &r.tunResult
	case OpTunAllow:
		return &r.tunAllow
	case OpTunTransfer:
		return &r.tunTransfer
	case OpTunClose:
		return &r.tunClosed
	}
	return nil
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
		return r.move(r.grown(need))
	case pending == 0:
		r.r, r.w = 0, 0
	case r.w < size:
	case r.r > size/2 || r.r > 0 && size >= fullBuffer && need <= size:
		copy(r.buf, r.buf[r.r:r.w])
		r.r, r.w = 0, pending
	default:
		return r.move(r.grown(need))
	}
	return nil
}

// grown returns the size of the next larger buffer.
func (r *Reader) grown(need int) int {
	size := 2 * len(r.buf)
	if size > fullBuffer {
		size = min(size, max(need, fullBuffer))
	}
	return size
}

// move continues in a new buffer, and forgets what points into the old one. Both take memory
// while one is copied.
func (r *Reader) move(size int) error {
	taken := int64(0)
	if size > minBuffer && r.limits.Memory != nil {
		taken = int64(size)
		if err := r.limits.Memory.Take(taken); err != nil {
			return err
		}
	}
	buf := make([]byte, size)
	n := copy(buf, r.buf[r.r:r.w])
	r.buf, r.r, r.w = buf, 0, n
	r.messages, r.cursor = messages{}, cursor{}
	r.release()
	r.taken = taken
	return nil
}

// Close gives back the memory that was taken. The reader must not be used any more, nor what it
// has returned.
func (r *Reader) Close() {
	r.release()
	r.buf, r.messages, r.cursor = nil, messages{}, cursor{}
}

func (r *Reader) release() {
	if r.taken > 0 {
		r.limits.Memory.Give(r.taken)
		r.taken = 0
	}
}
