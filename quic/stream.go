package quic

import (
	"sync/atomic"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/project-iris/iris/transport"
)

// A stream is quic-go's, with the contract's errors.
type stream struct {
	link        *link
	quic        *quicgo.Stream
	writeClosed atomic.Bool
}

func (s *stream) Read(b []byte) (int, error) {
	n, err := s.quic.Read(b)
	return n, s.meaning(err)
}

func (s *stream) Write(b []byte) (int, error) {
	if s.writeClosed.Load() {
		return 0, transport.ErrWriteClosed
	}
	n, err := s.quic.Write(b)
	return n, s.meaning(err)
}

func (s *stream) CloseWrite() error {
	if s.writeClosed.Swap(true) {
		return nil
	}
	if err := s.link.failure(); err != nil {
		return err
	}
	// quic-go fails only if the direction was reset before, which its user knows
	// or learns from reading.
	_ = s.quic.Close()
	return nil
}

// Reset leaves a direction alone that CloseWrite has ended: quic-go would take
// back what has not arrived.
func (s *stream) Reset(code transport.Code) {
	if !s.writeClosed.Load() {
		s.quic.CancelWrite(quicgo.StreamErrorCode(code))
	}
	s.CancelRead(code)
}

func (s *stream) CancelRead(code transport.Code) {
	s.quic.CancelRead(quicgo.StreamErrorCode(code))
}

func (s *stream) SetReadDeadline(t time.Time) error  { return s.quic.SetReadDeadline(t) }
func (s *stream) SetWriteDeadline(t time.Time) error { return s.quic.SetWriteDeadline(t) }
func (s *stream) SetDeadline(t time.Time) error      { return s.quic.SetDeadline(t) }
