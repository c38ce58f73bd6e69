package quic

import (
	"context"
	"errors"
	"io"
	"net"
	"os"

	quicgo "github.com/quic-go/quic-go"

	"github.com/project-iris/iris/transport"
)

// Codes of CRYPTO_ERROR, each of which carries a TLS alert (RFC 9001, section
// 4.8).
const (
	firstCryptoError = 0x100
	lastCryptoError  = 0x1ff
)

// errRestarted is what a stateless reset says.
var errRestarted = errors.New("the peer has lost its state: it has been restarted")

// meaning puts quic-go's errors of a connection into the contract's terms. An
// end by this side has a cause of its own, which the caller knows.
func meaning(op, addr string, err error) error {
	if network, ok := errors.AsType[*transport.NetworkError](err); ok {
		return network // the cause of an attempt's context
	}
	if application, ok := errors.AsType[*quicgo.ApplicationError](err); ok {
		if !application.Remote {
			return transport.ErrClosed
		}
		return &transport.ClosedError{Code: codeOf(uint64(application.ErrorCode)), Reason: transport.CutReason(application.ErrorMessage)}
	}
	if protocol, ok := errors.AsType[*quicgo.TransportError](err); ok {
		return transportMeaning(op, addr, protocol)
	}
	if _, ok := errors.AsType[*quicgo.StatelessResetError](err); ok {
		return &transport.NetworkError{Op: op, Addr: addr, Err: errRestarted}
	}
	if _, ok := errors.AsType[*quicgo.VersionNegotiationError](err); ok {
		return &transport.RefusedError{Err: err}
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() && !isContext(err) {
		return &transport.NetworkError{Op: op, Addr: addr, Silent: true}
	}
	if isContext(err) || errors.Is(err, transport.ErrClosed) {
		return err
	}
	return &transport.NetworkError{Op: op, Addr: addr, Err: err}
}

// transportMeaning is meaning for errors of QUIC itself.
func transportMeaning(op, addr string, err *quicgo.TransportError) error {
	crypto := err.ErrorCode >= firstCryptoError && err.ErrorCode <= lastCryptoError
	switch {
	case crypto && err.Remote:
		return &transport.RefusedError{Remote: true, Err: err}
	case crypto:
		return reasonOf(err)
	case err.Remote && err.ErrorCode == quicgo.ConnectionRefused:
		return &transport.NetworkError{Op: op, Addr: addr, Err: err}
	case err.Remote:
		return &transport.ClosedError{Code: transport.CodeProtocol, Reason: transport.CutReason(err.ErrorMessage)}
	case err.ErrorCode == quicgo.InternalError, err.ErrorCode == quicgo.NoViablePathError, err.ErrorCode == quicgo.ConnectionRefused:
		return &transport.NetworkError{Op: op, Addr: addr, Err: err}
	}
	return &transport.ProtocolError{Err: err}
}

// reasonOf finds what the identity said of a peer in an error of the handshake.
func reasonOf(err error) error {
	if wrong, ok := errors.AsType[*transport.WrongPeerError](err); ok {
		return wrong
	}
	if refused, ok := errors.AsType[*transport.RefusedError](err); ok {
		return refused
	}
	return &transport.RefusedError{Err: err}
}

func isContext(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// meaning puts quic-go's errors of a stream into the contract's terms.
func (s *stream) meaning(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	if reset, ok := errors.AsType[*quicgo.StreamError](err); ok {
		return &transport.StreamError{Code: codeOf(uint64(reset.ErrorCode)), Remote: reset.Remote}
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return os.ErrDeadlineExceeded
	case errors.Is(err, quicgo.ErrStreamClosed):
		return transport.ErrWriteClosed
	}
	return s.link.meaning(err)
}

// codeOf cuts a code to the contract's 32 bits. QUIC has 62; nodes send none
// that are larger, and what others send has no meaning.
func codeOf(code uint64) transport.Code { return transport.Code(min(code, 1<<32-1)) }
