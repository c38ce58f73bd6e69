package secure

import (
	"context"
	"crypto/tls"
	"io"
	"time"
)

// A secured connection is one over which TLS is up. It closes without TLS's
// close_notify, for which crypto/tls would wait up to five seconds: the
// multiplexer's close frame says the same and more.
type secured struct {
	*tls.Conn
	raw *carrier
}

// Write writes records, of much at once in few system calls.
func (s *secured) Write(b []byte) (int, error) {
	if len(b) <= maxRecord {
		return s.Conn.Write(b)
	}
	s.raw.cork()
	n, err := s.Conn.Write(b)
	if failed := s.raw.uncork(); err == nil {
		err = failed
	}
	return n, err
}

// TryWrite writes what the connection below takes at once, and keeps the rest for Flush. It
// reports whether there is some.
func (s *secured) TryWrite(b []byte) (left bool, err error) {
	s.raw.hurry()
	_, err = s.Write(b)
	return s.raw.rest(), err
}

// Flush writes what TryWrite has left.
func (s *secured) Flush() error { return s.raw.flush() }

// Close closes the connection below.
func (s *secured) Close() error { return s.raw.Close() }

// CloseWrite ends the connection below in one direction.
func (s *secured) CloseWrite() error { return s.raw.CloseWrite() }

const (
	// lingerTime and lingerBytes bound what is read from a peer after it was
	// refused.
	lingerTime  = time.Second
	lingerBytes = 64 << 10
)

// closeSoftly closes a connection on which the last word may still be on its
// way, such as the TLS alert that says why a peer is refused. Closing at once
// would reset a TCP connection on which the peer has sent something since, and
// on some systems the reset takes what had arrived before it. When the context
// ends there is no more time for this.
func closeSoftly(ctx context.Context, conn *carrier) {
	defer conn.Close()
	if conn.CloseWrite() != nil {
		return
	}
	_ = conn.SetReadDeadline(time.Now().Add(lingerTime))
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	_, _ = io.CopyN(io.Discard, conn, lingerBytes)
}
