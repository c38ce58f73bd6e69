package wire

import (
	"errors"
	"fmt"
)

// What a peer can get wrong in a frame. A [*ViolationError] wraps one of them.
var (
	// ErrOpcode is an opcode that does not exist in this direction.
	ErrOpcode = errors.New("unknown opcode")
	// ErrBool is a bool that is neither 0 nor 1.
	ErrBool = errors.New("bool is neither 0 nor 1")
	// ErrVarint is a varint that does not fit into 64 bits.
	ErrVarint = errors.New("varint over 64 bits")
	// ErrTooLong is a name or a payload over the reader's limits.
	ErrTooLong = errors.New("length over the limit")
	// ErrMagic is an INIT or DENY that does not carry the protocol's magic: the
	// peer speaks something else.
	ErrMagic = errors.New("wrong magic")
)

// ViolationError says that the peer sent what the protocol does not allow.
// Nothing more can be read from the stream.
type ViolationError struct {
	Op  Op    // opcode of the offending frame
	Err error // which rule it broke; wraps one of the sentinels of this package
}

func (e *ViolationError) Error() string {
	return fmt.Sprintf("protocol violation in %v: %v", e.Op, e.Err)
}

// Unwrap returns the rule that was broken.
func (e *ViolationError) Unwrap() error { return e.Err }
