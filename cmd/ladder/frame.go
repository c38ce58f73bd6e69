package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// A frame is
//
//	length  4 bytes  of the body
//	id      8 bytes  of the request, which its reply has too
//	body
//
// in network byte order.
const (
	frameHead = 12
	maxBody   = 32 << 10 // bytes
)

// errFrame says that a frame is longer than any.
var errFrame = errors.New("a frame is too long")

// appendFrame appends a frame.
func appendFrame(b []byte, id uint64, body []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	b = binary.BigEndian.AppendUint64(b, id)
	return append(b, body...)
}

// frameReader reads frames.
type frameReader struct {
	buffer *bufio.Reader
	last   int // bytes of the frame that next has returned, which are still in the buffer
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{buffer: bufio.NewReaderSize(r, 2*(frameHead+maxBody))}
}

// next returns the next frame. The body is valid until the next call.
func (r *frameReader) next() (id uint64, body []byte, err error) {
	if _, err := r.buffer.Discard(r.last); err != nil {
		return 0, nil, err
	}
	r.last = 0
	head, err := r.buffer.Peek(frameHead)
	if err != nil {
		return 0, nil, err
	}
	length := binary.BigEndian.Uint32(head)
	if length > maxBody {
		return 0, nil, errFrame
	}
	frame, err := r.buffer.Peek(frameHead + int(length))
	if err != nil {
		return 0, nil, err
	}
	r.last = len(frame)
	return binary.BigEndian.Uint64(frame[4:]), frame[frameHead:], nil
}

// more reports whether there are bytes of another frame already.
func (r *frameReader) more() bool { return r.buffer.Buffered() > r.last }
