package outbox

import "net"

// What a socket of an application may hold, in bytes; Linux takes twice that, with its own
// accounts. A system lets them grow to megabytes otherwise, and what is in a socket already is
// what a prompt frame cannot overtake. With less to read, Linux drops small segments on loopback
// and sends them again after its time-out, which cost events to eight subscribers two thirds of
// their rate (docs/performance.md).
const (
	writeBuffer = 64 << 10
	readBuffer  = 256 << 10
)

// LimitSocket limits what a connection between an application and its node holds, if it is a
// socket.
func LimitSocket(conn net.Conn) {
	if c, ok := conn.(interface {
		SetReadBuffer(bytes int) error
		SetWriteBuffer(bytes int) error
	}); ok {
		_ = c.SetReadBuffer(readBuffer) // a system that refuses is slower, not wrong
		_ = c.SetWriteBuffer(writeBuffer)
	}
}
