package client

import (
	"errors"
	"fmt"
)

// What a node can get wrong in a tunnel.
var (
	errOverrun  = errors.New("the node sent more than it was allowed")
	errOverfull = errors.New("the node sent more bytes than the message has")
)

// assembly puts messages together from chunks and keeps the account of a tunnel's
// inbound allowance.
//
// The node begins a message only within the allowance, but may finish it beyond,
// because the allowance grows only when a whole message has been taken. So what is
// held at most is the window and one message of the greatest length, and about 40
// bytes for each message.
type assembly struct {
	limit    int      // longest message, bytes
	total    int      // length of the message in partial; 0: none is open
	partial  []byte   // the chunks that have arrived of it
	messages [][]byte // whole ones that nobody has taken
	credit   int64    // bytes that the node may still send; negative after it has finished a long message
	owed     int      // bytes to grant again
}

// add takes a chunk; total is the length of the message that it begins, 0 if it
// continues one. An error means that nothing more can be made of the tunnel.
func (a *assembly) add(total uint64, chunk []byte) error {
	if total > 0 {
		if err := a.begin(total, len(chunk)); err != nil {
			return err
		}
	}
	a.credit -= int64(len(chunk))
	if a.total == 0 { // a continuation of nothing: its bytes count all the same
		a.owed += len(chunk)
		return nil
	}
	if len(chunk) > a.total-len(a.partial) {
		return errOverfull
	}
	a.grow(len(chunk))
	a.partial = append(a.partial, chunk...)
	if len(a.partial) == a.total {
		a.messages = append(a.messages, a.partial)
		a.partial, a.total = nil, 0
	}
	return nil
}

// begin opens a message. One that is still open was given up by its sender: its
// bytes are granted again.
func (a *assembly) begin(total uint64, first int) error {
	a.owed += len(a.partial)
	a.partial, a.total = nil, 0
	switch {
	case total > uint64(a.limit):
		return fmt.Errorf("%w: message of %d bytes, at most %d", ErrTooLarge, total, a.limit)
	case a.credit < int64(first):
		return errOverrun
	}
	a.total = int(total)
	return nil
}

// grow makes room for n more bytes. The room doubles with what has arrived; the
// length that the message claims is only where it ends.
func (a *assembly) grow(n int) {
	need := len(a.partial) + n
	if need <= cap(a.partial) {
		return
	}
	larger := make([]byte, len(a.partial), min(a.total, max(need, 2*cap(a.partial))))
	copy(larger, a.partial)
	a.partial = larger
}

// next takes the first whole message; nil if there is none. Its bytes are owed once
// the application has used them.
func (a *assembly) next() []byte {
	if len(a.messages) == 0 {
		return nil
	}
	m := a.messages[0]
	a.messages[0] = nil
	a.messages = a.messages[1:]
	return m
}

// granted notes that what was owed has been granted.
func (a *assembly) granted() {
	a.credit += int64(a.owed)
	a.owed = 0
}

// drop forgets all that has arrived.
func (a *assembly) drop() {
	a.partial, a.total, a.messages = nil, 0, nil
}
