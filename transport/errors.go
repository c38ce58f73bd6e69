package transport

import (
	"errors"
	"fmt"
)

// What can go wrong, as the classes that callers decide on. The errors that
// are returned carry details in the types below, and match these with
// errors.Is.
var (
	// ErrClosed is the end by this side: of a link, a listener, a transport.
	ErrClosed = errors.New("transport: closed")

	// ErrPeerClosed is the end by the peer; the error is a *ClosedError.
	ErrPeerClosed = errors.New("transport: closed by the peer")

	// ErrNetwork is a path that failed or fell silent, or a peer that is gone
	// without a word; the error is a *NetworkError.
	ErrNetwork = errors.New("transport: network failure")

	// ErrProtocol is a peer that broke the rules; the error is a *ProtocolError.
	ErrProtocol = errors.New("transport: protocol violation")

	// ErrRefused is a peer that is not allowed, or that does not allow us; the
	// error is a *RefusedError.
	ErrRefused = errors.New("transport: refused")

	// ErrSelf is the reason in a *RefusedError for a node that reached itself.
	ErrSelf = errors.New("transport: a node does not link to itself")

	// ErrSameID is the reason in a *RefusedError for a node that reached another
	// one which has its id, as the copy of a running machine has.
	ErrSameID = errors.New("transport: another node has this node's id")

	// ErrWrongPeer is a good peer, but another one than was asked for; the error
	// is a *WrongPeerError.
	ErrWrongPeer = errors.New("transport: another peer than asked for")

	// ErrVersion is a peer with which there is no version of the protocol in common. The
	// error is a *VersionError where this side has found that out, and a *ClosedError
	// where the peer has.
	ErrVersion = errors.New("transport: no version of the protocol in common")

	// ErrWriteClosed is a Write after CloseWrite.
	ErrWriteClosed = errors.New("transport: write after CloseWrite")

	// ErrDatagramTooLarge is a datagram over MaxDatagram; the error is a
	// *DatagramTooLargeError.
	ErrDatagramTooLarge = errors.New("transport: datagram too large")
)

// A Code says why a stream or a link was ended. Those below CodeUser are the
// transports' own.
type Code uint32

// The codes that transports use themselves.
const (
	CodeNone     Code = 0 // no reason, or an end in good order
	CodeInternal Code = 1 // something went wrong at the side that ended it
	CodeProtocol Code = 2 // the other side broke the rules
	CodeVersion  Code = 3 // no protocol version in common
	CodeRefused  Code = 4 // not allowed
	CodeBusy     Code = 5 // a queue was full; later may be better
	CodePath     Code = 6 // the path does not carry any more what it did; a new link finds out what it does

	// CodeUser is the first code that is free for users of the contract.
	CodeUser Code = 0x100
)

// A ClosedError is how the peer ended the link. Given to Link.Close, it is what
// the peer is to see.
type ClosedError struct {
	Code   Code
	Reason string // MaxReason bytes at most; not to be trusted as to its content
}

// ErrGaveUp is what a peer is told of a link that was dialled, and is not needed before it is
// up.
var ErrGaveUp = &ClosedError{Code: CodeNone, Reason: "not needed any more"}

// Error quotes the reason, which a peer has chosen.
func (e *ClosedError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("transport: closed by the peer with code %#x", uint32(e.Code))
	}
	return fmt.Sprintf("transport: closed by the peer with code %#x: %q", uint32(e.Code), e.Reason)
}

// Is makes the error match ErrPeerClosed, and ErrVersion if it has that code.
func (e *ClosedError) Is(target error) bool {
	return target == ErrPeerClosed || e.Code == CodeVersion && target == ErrVersion
}

// A NetworkError is a failure of the path to the peer.
type NetworkError struct {
	Op     string // what was being done: "dial", "listen", "link", "send"
	Addr   string // the other end, where there is one
	Silent bool   // nothing was heard for longer than the transport allows
	Err    error  // the cause, which may be nil if Silent
}

// Error says what was being done, and to whom.
func (e *NetworkError) Error() string {
	text := "transport: " + e.Op
	if e.Addr != "" {
		text += " " + e.Addr
	}
	if e.Silent {
		text += ": no answer"
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Is makes the error match ErrNetwork.
func (e *NetworkError) Is(target error) bool { return target == ErrNetwork }

// Unwrap is the cause.
func (e *NetworkError) Unwrap() error { return e.Err }

// Timeout says whether the peer fell silent, as net.Error does.
func (e *NetworkError) Timeout() bool { return e.Silent }

// A ProtocolError is something that a peer must not say.
type ProtocolError struct {
	Err error
}

// Error says what it was.
func (e *ProtocolError) Error() string { return "transport: protocol violation: " + e.Err.Error() }

// Is makes the error match ErrProtocol.
func (e *ProtocolError) Is(target error) bool { return target == ErrProtocol }

// Unwrap is what the peer did.
func (e *ProtocolError) Unwrap() error { return e.Err }

// A RefusedError is a link that was not allowed.
type RefusedError struct {
	Remote bool  // the other side refused us; else, this side refused it
	Err    error // why, as far as this side knows
}

// Error says who refused whom.
func (e *RefusedError) Error() string {
	who := "refused the peer"
	if e.Remote {
		who = "refused by the peer"
	}
	return fmt.Sprintf("transport: %s: %v", who, e.Err)
}

// Is makes the error match ErrRefused.
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }

// Unwrap is the reason.
func (e *RefusedError) Unwrap() error { return e.Err }

// A WrongPeerError is a node of the network that is not the one dialled.
type WrongPeerError struct {
	Want, Got PeerID
}

// Error names both.
func (e *WrongPeerError) Error() string {
	return fmt.Sprintf("transport: reached peer %s, not %s", e.Got, e.Want)
}

// Is makes the error match ErrWrongPeer.
func (e *WrongPeerError) Is(target error) bool { return target == ErrWrongPeer }

// A VersionError is a node of the network that speaks no version of the protocol which
// this node speaks too.
type VersionError struct {
	Peer         PeerID
	Theirs, Ours Versions
}

// Error says who speaks what, and which node to upgrade.
func (e *VersionError) Error() string {
	behind := "this node"
	if e.Theirs.Newest < e.Ours.Newest {
		behind = "node " + e.Peer.Short()
	}
	return fmt.Sprintf("transport: node %s speaks %v of the protocol between nodes, this node %v: upgrade %s",
		e.Peer.Short(), e.Theirs, e.Ours, behind)
}

// Is makes the error match ErrVersion.
func (e *VersionError) Is(target error) bool { return target == ErrVersion }

// farewell is the same in the eyes of the peer.
func (e *VersionError) farewell() ClosedError {
	behind := "this node"
	if e.Ours.Newest < e.Theirs.Newest {
		behind = "the other one"
	}
	return ClosedError{Code: CodeVersion, Reason: fmt.Sprintf(
		"the other node speaks %v of the protocol between nodes, this node %v: upgrade %s", e.Ours, e.Theirs, behind,
	)}
}

// A StreamError is the end of a stream, or of one of its directions, by Reset
// or CancelRead.
type StreamError struct {
	Code   Code
	Remote bool // the peer did it
}

// Error says who ended the stream.
func (e *StreamError) Error() string {
	who := "here"
	if e.Remote {
		who = "by the peer"
	}
	return fmt.Sprintf("transport: stream reset %s with code %#x", who, uint32(e.Code))
}

// Is makes two errors of equal content match.
func (e *StreamError) Is(target error) bool {
	other, ok := target.(*StreamError)
	return ok && *other == *e
}

// A DatagramTooLargeError is a datagram that SendDatagram did not take.
type DatagramTooLargeError struct {
	Size, Limit int // bytes
}

// Error has both sizes.
func (e *DatagramTooLargeError) Error() string {
	return fmt.Sprintf("transport: datagram of %d bytes, the limit is %d", e.Size, e.Limit)
}

// Is makes the error match ErrDatagramTooLarge.
func (e *DatagramTooLargeError) Is(target error) bool { return target == ErrDatagramTooLarge }
