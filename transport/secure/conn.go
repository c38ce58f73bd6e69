package secure

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// A meter counts the bytes of a connection, with what TLS adds.
type meter struct {
	net.Conn
	sent, received atomic.Uint64
}

// Read counts what is read.
func (m *meter) Read(b []byte) (int, error) {
	n, err := m.Conn.Read(b)
	m.received.Add(uint64(n))
	return n, err
}

// Write counts what is written, and does so first: when the peer has read it,
// it has been counted.
func (m *meter) Write(b []byte) (int, error) {
	m.sent.Add(uint64(len(b)))
	n, err := m.Conn.Write(b)
	m.sent.Add(uint64(n) - uint64(len(b))) // wraps around as it should
	return n, err
}

// CloseWrite says that no more follows, where the connection can say that.
func (m *meter) CloseWrite() error {
	if half, ok := m.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// A secured connection is one over which TLS is up. It closes without TLS's
// close_notify, for which crypto/tls would wait up to five seconds: the
// multiplexer's close frame says the same and more.
type secured struct {
	*tls.Conn
	raw *meter
}

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
func closeSoftly(ctx context.Context, conn *meter) {
	defer conn.Close()
	if conn.CloseWrite() != nil {
		return
	}
	_ = conn.SetReadDeadline(time.Now().Add(lingerTime))
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	_, _ = io.CopyN(io.Discard, conn, lingerBytes)
}
