package tunnel

import (
	"io"
	"sync"
)

// Stream is one end of a tunnel. What is written at one end is read at the other; Write
// blocks while the other end does not read. Close ends both directions: the other end
// reads what was written before, then io.EOF, and its writes fail. CloseRead ends the
// reading direction alone: what was not read is dropped, and the other end's writes fail.
//
// It is an alias, so that its users can name it without this package.
type Stream = interface {
	io.ReadWriteCloser
	CloseRead() error
}

// pipe is one end of a tunnel between two members of this node. Nothing is buffered: a
// write lasts until the other end has read it.
type pipe struct {
	*io.PipeReader
	*io.PipeWriter
	closed func()
}

// Pipe returns the two ends of a tunnel at one node. When either is closed for the first
// time, closed is called, once.
func Pipe(closed func()) (near, far Stream) {
	once := sync.OnceFunc(closed)
	farReader, nearWriter := io.Pipe()
	nearReader, farWriter := io.Pipe()
	near = &pipe{PipeReader: nearReader, PipeWriter: nearWriter, closed: once}
	far = &pipe{PipeReader: farReader, PipeWriter: farWriter, closed: once}
	return near, far
}

// CloseRead ends the reading direction.
func (p *pipe) CloseRead() error { return p.PipeReader.Close() }

// Close ends both directions.
func (p *pipe) Close() error {
	p.PipeWriter.Close()
	p.PipeReader.Close()
	p.closed()
	return nil
}
