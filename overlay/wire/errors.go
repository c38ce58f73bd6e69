package wire

import (
	"errors"
	"fmt"
)

// What a peer can get wrong in a frame. A [*ViolationError] wraps one of them.
var (
	// ErrEmpty is a frame without a type.
	ErrEmpty = errors.New("empty frame")
	// ErrTooLong is a frame over the reader's limits.
	ErrTooLong = errors.New("length over the limit")
	// ErrTruncated is a frame that ends within its fields, or a list that cannot
	// have as many elements as it claims.
	ErrTruncated = errors.New("frame ends within a field")
	// ErrVarint is a varint that does not fit into 64 bits.
	ErrVarint = errors.New("varint over 64 bits")
	// ErrUnexpected is a frame of another type than belongs here.
	ErrUnexpected = errors.New("unexpected type")
)

// ErrBudget says that there is no memory for a frame: others take what there is.
var ErrBudget = errors.New("no memory for a large frame")

// ViolationError says that the peer sent what the protocol does not allow. Nothing
// more can be read from the stream.
type ViolationError struct {
	Type Type  // of the offending frame, zero if it was not reached
	Err  error // which rule it broke; wraps one of the sentinels of this package
}

func (e *ViolationError) Error() string {
	return fmt.Sprintf("protocol violation in %v: %v", e.Type, e.Err)
}

// Unwrap returns the rule that was broken.
func (e *ViolationError) Unwrap() error { return e.Err }
