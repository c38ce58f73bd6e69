package outbox

import "net"

// What a socket between an application and its node may hold, in bytes; Linux takes twice that,
// with its own accounts. A system lets them grow to megabytes otherwise, and what is in a socket
// already is what a prompt frame cannot overtake.
const (
	// SendBuffer is how much one end may have written that the other one has not taken.
	SendBuffer = 64 << 10
	// receiveBuffer is how much may have come that was not read. With less, Linux drops small
	// segments on loopback and sends them again after its time-out, which cost events to eight
	// subscribers two thirds of their rate (docs/performance.md).
	receiveBuffer = 256 << 10
)

// LimitSocket limits what a connection between an application and its node holds, if it is a
// socket, to so many bytes that were written.
func LimitSocket(conn net.Conn, written int) {
	if c, ok := conn.(interface {
		SetReadBuffer(bytes int) error
		SetWriteBuffer(bytes int) error
	}); ok {
		_ = c.SetReadBuffer(receiveBuffer) // a system that refuses is slower, not wrong
		_ = c.SetWriteBuffer(written)
	}
}
