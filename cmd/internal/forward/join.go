package forward

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// errStopped is why a connection is cut off that was not over when it had to be.
var errStopped = errors.New("the program was stopped")

// bufferSize is how much is copied at once, in bytes.
const bufferSize = 32 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// joint is a socket and a stream that are joined.
type joint struct {
	socket, stream End

	broken sync.Once
	err    error // what has broken it
}

// join carries bytes both ways until both directions have ended, and then closes both
// ends. If one breaks, or the context ends, it resets both and returns why.
func (c *connections) join(ctx context.Context, socket, stream End) error {
	j := &joint{socket: socket, stream: stream}
	stop := context.AfterFunc(ctx, func() { j.breakOff(errStopped) })
	var back sync.WaitGroup
	back.Go(func() { j.carry(socket, stream, &c.written) })
	j.carry(stream, socket, &c.read)
	back.Wait()
	stop()
	j.broken.Do(func() {
		_ = socket.Close() // all is said: nothing that a close can meet matters
		_ = stream.Close()
	})
	return j.err
}

// carry copies until the source ends, and ends the writing of the destination with it.
func (j *joint) carry(to, from End, bytes *atomic.Uint64) {
	buffer := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buffer)
	for {
		n, err := from.Read(buffer[:])
		if n > 0 {
			bytes.Add(uint64(n))
			if _, err := to.Write(buffer[:n]); err != nil {
				j.breakOff(err)
				return
			}
		}
		if err == io.EOF {
			err = to.CloseWrite()
			if err == nil {
				return
			}
		}
		if err != nil {
			j.breakOff(err)
			return
		}
	}
}

// breakOff resets both ends. The first reason counts: what happens after it comes of it.
// The socket is first, as the stream waits for the node.
func (j *joint) breakOff(err error) {
	j.broken.Do(func() {
		j.err = err
		_ = j.socket.Reset("")
		_ = j.stream.Reset(reason(err))
	})
}

// reason is what the other side of a stream is told of an error: not the addresses.
func reason(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}
