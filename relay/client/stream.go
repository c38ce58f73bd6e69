package client

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// Stream is a connection of bytes to one member of a cluster, as [Conn.Dial] and
// [Listener.Accept] return it: a tunnel in which each side can end its writing alone.
// It works as a TCP connection of package net does: anyone may call any method at any
// time, bytes of one Write do not mix with those of another, and a writer waits for
// the reader.
//
// Errors of its methods are of type [*net.OpError], except io.EOF. They wrap
//
//   - io.EOF, alone: the other side has ended its writing, and all of it was read;
//   - os.ErrDeadlineExceeded: a deadline has passed, which loses nothing;
//   - net.ErrClosed: Close, CloseWrite or Reset was called here;
//   - [*ResetError]: the other side has reset the stream;
//   - [*StreamError]: the other side does not keep to what streams say;
//   - [ErrTooLarge]: the other side sent a record over 64 KiB;
//   - io.ErrUnexpectedEOF: the other side has gone without ending its writing;
//   - [ErrClosed]: the other side has closed, or the connection to the node has ended;
//   - [*TunnelError]: the tunnel broke.
type Stream struct {
	tunnel        *Tunnel
	local, remote Addr
	source        string // that the other side has said it speaks for
	readDeadline  *deadline
	writeDeadline *deadline
	released      func()        // called at the end of Close; may be nil
	finished      chan struct{} // closed when Close has closed the tunnel

	// Whoever has the tunnel's turn to receive may use these.
	inData bool // the tunnel's reading is the rest of a data record
	ended  bool // the other side has ended its writing

	// The tunnel's lock guards these.
	closed      bool  // Close or Reset was called
	writeClosed bool  // this side's writing has ended
	fault       error // what has ended the stream, if it was not Close
}

var _ net.Conn = (*Stream)(nil)

// Addr is an end of a stream: the name of a cluster.
type Addr struct {
	Name string // empty: an application that is in no cluster, or is not known
}

// Network returns "iris".
func (Addr) Network() string { return "iris" }

// String returns the name, or "anonymous" if there is none.
func (a Addr) String() string {
	if a.Name == "" {
		return "anonymous"
	}
	return a.Name
}

// ResetError says that the other side of a stream has reset it.
type ResetError struct {
	Reason string // the other side's words; may be empty
}

func (e *ResetError) Error() string { return fmt.Sprintf("reset by the other side: %q", e.Reason) }

// StreamError says that the other side of a tunnel does not speak as streams do, or
// not in a version that is spoken here.
type StreamError struct {
	Reason string // what it did
}

func (e *StreamError) Error() string { return "the other side speaks no stream: " + e.Reason }

// errStreamClosed is what calls get after Close or Reset.
var errStreamClosed = fmt.Errorf("%w (%w)", net.ErrClosed, ErrClosed)

// errWriteClosed is what writers get after CloseWrite.
var errWriteClosed = fmt.Errorf("%w for writing (%w)", net.ErrClosed, ErrClosed)

// newStream makes a stream of a tunnel that was just opened.
func newStream(t *Tunnel, local, remote Addr) (*Stream, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.chunk < minStreamChunk {
		return nil, &TunnelError{Reason: fmt.Sprintf("the node's chunk limit is %d bytes, a stream needs %d", t.chunk, minStreamChunk)}
	}
	t.assembly.limit = maxRecord
	return &Stream{
		tunnel:        t,
		local:         local,
		remote:        remote,
		readDeadline:  newDeadline(),
		writeDeadline: newDeadline(),
		finished:      make(chan struct{}),
	}, nil
}

// LocalAddr returns the name of this application's cluster, as an [Addr].
func (s *Stream) LocalAddr() net.Addr { return s.local }

// RemoteAddr returns the name that was dialled, as an [Addr]. Of a stream that was
// accepted it is anonymous: nodes do not tell who has opened a tunnel.
func (s *Stream) RemoteAddr() net.Addr { return s.remote }

// Source returns the address that the other side of a stream that was accepted says it
// speaks for, as it was given to [Conn.DialFrom]: that of a client of iris forward, for
// example. It is empty if there is none. Nobody has checked it: it is worth as much as the
// other side is trusted.
func (s *Stream) Source() string { return s.source }

// SetDeadline sets the deadline of calls of Read and Write, those that wait included.
// The zero time is none.
func (s *Stream) SetDeadline(t time.Time) error {
	return s.setDeadlines(t, s.readDeadline, s.writeDeadline)
}

// SetReadDeadline is SetDeadline for Read alone.
func (s *Stream) SetReadDeadline(t time.Time) error { return s.setDeadlines(t, s.readDeadline) }

// SetWriteDeadline is SetDeadline for Write alone.
func (s *Stream) SetWriteDeadline(t time.Time) error { return s.setDeadlines(t, s.writeDeadline) }

func (s *Stream) setDeadlines(t time.Time, deadlines ...*deadline) error {
	s.tunnel.mu.Lock() // no timer is set after Close
	defer s.tunnel.mu.Unlock()
	if s.closed {
		return s.opError("set", errStreamClosed)
	}
	for _, d := range deadlines {
		d.set(t)
	}
	return nil
}

// Close ends the stream. What was written arrives, and then the other side reads
// io.EOF; what it still sends is dropped, and its writing fails. Calls that wait here
// return net.ErrClosed.
//
// It waits for the node as [Tunnel.Close] does, and returns what that does. Further
// calls return net.ErrClosed.
func (s *Stream) Close() error { return s.close([]byte{recordEnd}) }

// Reset is Close for a stream whose end the other side must not take for a good one:
// after what was written it reads a [*ResetError] with the reason, and its writing
// fails with it. A reason has 255 bytes at most; of a longer one it is told the beginning.
func (s *Stream) Reset(reason string) error { return s.close(resetRecord(reason)) }

func (s *Stream) close(last []byte) error {
	if !s.leave(last) {
		return s.opError("close", errStreamClosed)
	}
	err := s.tunnel.Close()
	close(s.finished)
	if s.released != nil {
		s.released()
	}
	if err != nil {
		return s.opError("close", err)
	}
	return nil
}

// leave sends the last record and ends the tunnel without waiting. It returns false if
// that was done before.
func (s *Stream) leave(last []byte) bool {
	s.tunnel.mu.Lock()
	first := !s.closed
	if first {
		s.closed = true
		s.sendLast(last)
		s.readDeadline.set(time.Time{})
		s.writeDeadline.set(time.Time{})
	}
	s.tunnel.mu.Unlock()
	s.tunnel.shut()
	return first
}

// abort ends the stream for an error, tells the other side, and returns the error.
func (s *Stream) abort(err error) error {
	s.tunnel.mu.Lock()
	s.fault = err
	s.sendLast(refusal(err))
	s.tunnel.mu.Unlock()
	s.tunnel.shut()
	return err
}

// refusal is the reset that tells the other side why it is not listened to.
func refusal(err error) []byte {
	if wrong, ok := errors.AsType[*StreamError](err); ok {
		return resetRecord("no stream: " + wrong.Reason)
	}
	return resetRecord("given up")
}

// failure is why a call failed with an error: what has become of the stream comes
// first, since the error may be of the tunnel that ended with it.
func (s *Stream) failure(err error) error {
	s.tunnel.mu.Lock()
	defer s.tunnel.mu.Unlock()
	if state := s.state(); state != nil {
		return state
	}
	return err
}

// state is why the stream can be used no more; nil while it can. The tunnel's lock is
// held.
func (s *Stream) state() error {
	if s.closed {
		return errStreamClosed
	}
	return s.fault
}

func (s *Stream) opError(op string, err error) error {
	return &net.OpError{Op: op, Net: s.local.Network(), Source: s.local, Addr: s.remote, Err: err}
}

// exceeded replaces the error of a context that was ended by a deadline.
func exceeded(d interface{ Err() error }, err error) error {
	if ended := d.Err(); ended != nil && errors.Is(err, ended) {
		return os.ErrDeadlineExceeded
	}
	return err
}

// truncated replaces the clean end of a tunnel, which is none of a stream.
func truncated(err error) error {
	if err == io.EOF {
		return fmt.Errorf("%w: the other side has gone without ending its writing", io.ErrUnexpectedEOF)
	}
	return err
}
