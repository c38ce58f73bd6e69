package relay

import (
	"errors"
	"fmt"
)

// What a sender can get wrong in a tunnel. It ends the tunnel, and its text is the
// reason that both sides get.
var (
	errChunkTooLong   = fmt.Errorf("chunk over the limit of %d bytes", chunkLimit)
	errMessageTooLong = errors.New("message over the node's limit")
	errOverflow       = errors.New("chunks exceed the size of their message")
	errAllowance      = errors.New("more chunks than were allowed")
	errFraming        = errors.New("the other node sent bytes in a tunnel that are not a chunk")
)

// assembly follows the messages of one direction of a tunnel, so that a receiver
// never sees a chunk without a message, an empty chunk, or more bytes than were
// announced: some bindings do not survive them.
type assembly struct {
	limit uint64 // bytes of a message
	total uint64 // of the current message, until its first chunk is forwarded
	left  uint64 // bytes of the current message that have not come
}

// next takes a chunk with its message's total, which is zero on continuations, and
// returns the total to forward it with, and whether to forward it at all.
func (a *assembly) next(total uint64, chunk int) (first uint64, forward bool, err error) {
	if chunk > chunkLimit {
		return 0, false, errChunkTooLong
	}
	if total > a.limit {
		return 0, false, errMessageTooLong
	}
	if total > 0 {
		a.total, a.left = total, total // what was left of the last is given up
	}
	if chunk == 0 || a.left == 0 {
		return 0, false, nil
	}
	if uint64(chunk) > a.left {
		return 0, false, errOverflow
	}
	first = a.total
	a.total = 0
	a.left -= uint64(chunk)
	return first, true, nil
}
