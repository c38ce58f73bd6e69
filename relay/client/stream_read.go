package client

import (
	"context"
	"io"
)

// Read reads what the other side has written, in order, and waits until there is
// something.
func (s *Stream) Read(p []byte) (int, error) {
	ctx := s.readDeadline.context()
	n, err := s.read(ctx, p)
	switch err {
	case nil, io.EOF:
		return n, err
	default:
		return n, s.opError("read", exceeded(ctx, s.failure(err)))
	}
}

func (s *Stream) read(ctx context.Context, p []byte) (int, error) {
	t := s.tunnel
	if err := acquire(ctx, t.receiving); err != nil {
		return 0, err
	}
	defer func() { <-t.receiving }()
	if err := s.failure(ctx.Err()); err != nil || len(p) == 0 {
		return 0, err
	}
	if err := s.ensureData(ctx); err != nil {
		return 0, err
	}
	n := copy(p, t.reading.rest)
	t.reading.rest = t.reading.rest[n:]
	if len(t.reading.rest) == 0 {
		s.inData = false
		t.settle()
	}
	return n, nil
}

// ensureData waits until the tunnel's reading is the rest of a data record. The caller
// has the turn to receive.
func (s *Stream) ensureData(ctx context.Context) error {
	if s.ended {
		return s.checkEnd()
	}
	if err := s.tunnel.ensureMessage(ctx); err != nil {
		return truncated(err)
	}
	if s.inData {
		return nil
	}
	return s.beginRecord()
}

// checkEnd returns io.EOF, or what has come after the end of writing. It does not wait.
// The caller has the turn to receive.
func (s *Stream) checkEnd() error {
	if ready, _ := s.tunnel.next(); ready {
		return s.beginRecord()
	}
	if err := s.failure(nil); err != nil {
		return err
	}
	return io.EOF
}

// beginRecord takes the record that the tunnel's reading is. It returns nil for data.
// The caller has the turn to receive.
func (s *Stream) beginRecord() error {
	t := s.tunnel
	kind, body, fault := parseRecord(t.reading.rest)
	if fault == "" && s.ended && kind != recordReset {
		fault = "record after the end of writing"
	}
	switch {
	case fault != "":
		return s.abort(&StreamError{Reason: fault})
	case kind == recordData:
		t.reading.rest = body
		s.inData = true
		return nil
	}
	t.settle()
	if kind == recordEnd {
		s.ended = true
		return io.EOF
	}
	return s.wasReset(&ResetError{Reason: string(body)})
}

// wasReset notes that the other side has reset the stream. It has closed the tunnel
// with that.
func (s *Stream) wasReset(err error) error {
	s.tunnel.mu.Lock()
	defer s.tunnel.mu.Unlock()
	s.fault = err
	wake(s.tunnel.allowed) // a writer
	return err
}
