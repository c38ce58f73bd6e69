package client

import (
	"context"
	"errors"
	"fmt"
)

// What can stand in the way. Errors of this package wrap them; use errors.Is.
var (
	// ErrClosed says that the connection to the node or the tunnel is closed. When it was
	// lost, the error wraps the cause as well. Whether the connection is made again is
	// [Config].Reconnect's; [Conn.Done] tells when it is not.
	ErrClosed = errors.New("closed")
	// ErrNotSent says that nothing of it was sent to the node, because the connection was
	// closed or lost: it has certainly not run, and may be tried again. The error wraps
	// ErrClosed, too.
	ErrNotSent = errors.New("not sent")
	// ErrMayHaveRun says that a request was sent, at least in part, and that the connection
	// was closed or lost before its answer came: a member may have handled it, or may do
	// so yet. The error wraps ErrClosed, too.
	ErrMayHaveRun = errors.New("may have run")
	// ErrNobody says that nobody serves the cluster, as far as the node knows: the request
	// has not run. Only [Config].FailFast brings it.
	ErrNobody = errors.New("nobody serves the cluster")
	// ErrTimeout says that nothing came in time, whether the node or the context
	// said so. It is a context.DeadlineExceeded too.
	ErrTimeout error = timeoutError{}
	// ErrTooLarge says that a message or a name is over the limit of [Config].
	ErrTooLarge = errors.New("too large")
	// ErrEmpty says that a message is empty, which a tunnel cannot carry.
	ErrEmpty = errors.New("empty message")
)

type timeoutError struct{}

func (timeoutError) Error() string { return "timed out" }

// Timeout makes it one of the errors that net.Error describes.
func (timeoutError) Timeout() bool { return true }

func (timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// DeniedError says that the node refused to attach the application.
type DeniedError struct {
	Reason string // the node's words
}

func (e *DeniedError) Error() string { return "denied by the node: " + e.Reason }

// FaultError is the answer to a request that failed: the text is of the member
// that handled it, or of the network, such as [FaultOverloaded]. The protocol does
// not tell the two apart.
//
// A service that returns one from its handler answers with exactly this text.
type FaultError struct {
	Text string // may be empty
}

func (e *FaultError) Error() string { return "fault: " + e.Text }

// FaultOverloaded is the text of the fault that answers a request for which there
// is no room.
const FaultOverloaded = "overloaded"

// TunnelError says that a tunnel ended otherwise than by a close.
type TunnelError struct {
	Reason string
}

func (e *TunnelError) Error() string { return "tunnel ended: " + e.Reason }

// contextError is why a context has ended, in the words of this package.
func contextError(ctx context.Context) error {
	if err := ctx.Err(); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return ErrTimeout
}

// checkName returns an error if a name is too long to be sent.
func checkName(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("%w: name of %d bytes, at most %d", ErrTooLarge, len(name), maxName)
	}
	return nil
}

// checkMessage returns an error if a message is too long to be sent.
func (c *Conn) checkMessage(name string, message []byte) error {
	if len(message) > c.config.MaxMessage {
		return fmt.Errorf("%w: message of %d bytes, at most %d", ErrTooLarge, len(message), c.config.MaxMessage)
	}
	return checkName(name)
}
