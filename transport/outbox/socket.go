package outbox

import "net"

// socketBuffer is how many bytes a socket of an application may hold in each direction; Linux
// takes twice that, with its own accounts. A system lets them grow to megabytes otherwise, and
// what is in a socket already is what a prompt frame cannot overtake. It is enough between
// processes of one host: bulk is as fast, and beside events of the same application the p99 of a
// request is a quarter (docs/performance.md).
const socketBuffer = 64 << 10

// LimitSocket limits what a connection between an application and its node holds, if it is a
// socket.
func LimitSocket(conn net.Conn) {
	if c, ok := conn.(interface {
		SetReadBuffer(bytes int) error
		SetWriteBuffer(bytes int) error
	}); ok {
		_ = c.SetReadBuffer(socketBuffer) // a system that refuses is slower, not wrong
		_ = c.SetWriteBuffer(socketBuffer)
	}
}
