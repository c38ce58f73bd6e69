package client

import (
	"context"
	"sync"
)

// Write writes to the other side. It returns when all is queued for the node, and
// waits for the reader's allowance and for room. After an error the first n bytes are
// on their way and the others are not.
func (s *Stream) Write(p []byte) (n int, err error) {
	ctx := s.writeDeadline.context()
	n, err = s.write(ctx, p)
	if err != nil {
		err = s.opError("write", exceeded(ctx, s.writeFailure(err)))
	}
	return n, err
}

func (s *Stream) write(ctx context.Context, p []byte) (sent int, err error) {
	t := s.tunnel
	if err := acquire(ctx, t.sending); err != nil {
		return 0, err
	}
	defer func() { <-t.sending }()
	for sent < len(p) {
		n := min(len(p)-sent, t.chunk-1-recordReserve)
		if err := s.sendData(ctx, p[sent:sent+n]); err != nil {
			return sent, err
		}
		sent += n
	}
	return sent, nil
}

// sendData sends a data record as soon as it is allowed and there is room. The caller
// has the turn to send.
func (s *Stream) sendData(ctx context.Context, data []byte) error {
	for {
		if ctx.Err() != nil {
			return contextError(ctx)
		}
		err := s.trySendData(data)
		if err == nil {
			return nil
		}
		if err := s.tunnel.awaitSend(ctx, err); err != nil {
			return err
		}
	}
}

// records are buffers for data records while they are put into the queue of the
// connection.
var records = sync.Pool{New: func() any { return new([maxRecord]byte) }}

// trySendData sends a data record, or returns what it has to wait for, or why there is
// no sending any more.
func (s *Stream) trySendData(data []byte) error {
	t := s.tunnel
	t.mu.Lock()
	defer t.mu.Unlock()
	switch err := s.state(); {
	case err != nil:
		return err
	case s.writeClosed:
		return errWriteClosed
	case t.err != nil:
		return t.sendFailure()
	case t.allowance < uint64(1+len(data)+recordReserve):
		return errAllowance
	}
	buffer := records.Get().(*[maxRecord]byte)
	defer records.Put(buffer)
	buffer[0] = recordData
	n := 1 + copy(buffer[1:], data)
	return t.put(n, buffer[:n], t.conn.out.Bulk.Begin)
}

// CloseWrite ends the writing of this side. What was written arrives, and then the
// other side reads io.EOF, and can go on writing. A Write that waits here, and each
// one after it, fails. It does not wait. Further calls do nothing.
func (s *Stream) CloseWrite() error {
	t := s.tunnel
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := s.state(); err != nil {
		return s.opError("close", err)
	}
	if t.err != nil {
		return s.opError("close", t.sendFailure())
	}
	s.sendLast([]byte{recordEnd})
	wake(t.allowed) // a writer, to learn of it
	return nil
}

// sendLast sends a record after which there is no data: an end of writing, once, or a
// reset, even if the queue is full, since there is one of each for a stream. It does
// not wait: what data leaves of the allowance is enough, unless the node never allowed
// as much. The tunnel's lock is held.
func (s *Stream) sendLast(record []byte) {
	t := s.tunnel
	again := record[0] == recordEnd && s.writeClosed
	s.writeClosed = true
	if again || t.err != nil || t.allowance < uint64(len(record)) {
		return
	}
	_ = t.put(len(record), record, t.conn.out.Bulk.BeginOver) // fails with the connection
}

// writeFailure is failure for writers. A reset that nobody has read yet tells them
// more than the end of the tunnel does.
func (s *Stream) writeFailure(err error) error {
	t := s.tunnel
	t.mu.Lock()
	defer t.mu.Unlock()
	if state := s.state(); state != nil {
		return state
	}
	if n := len(t.assembly.messages); t.err != nil && n > 0 {
		if kind, reason, fault := parseRecord(t.assembly.messages[n-1]); fault == "" && kind == recordReset {
			return &ResetError{Reason: string(reason)}
		}
	}
	return err
}
