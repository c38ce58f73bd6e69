package strangers

import (
	"net"
)

// Most returns how many places a room of at most so many may have with the descriptors of
// this process: an eighth of them, and one at the least.
func Most(most int) int { return max(min(most, Descriptors()/8), 1) }

// Reserve keeps a quarter of the descriptors of this process from the connections of a
// listener: one that would take one of these is closed, and refused is called with where it
// came from. What needs descriptors for other ends finds some whatever connects there.
//
// On Unix a new descriptor has the lowest number that is free, so its number is how many are
// in use at least. Elsewhere there are no such bounds, and nothing is refused.
func Reserve(l net.Listener, refused func(from net.Addr)) net.Listener {
	descriptors := Descriptors()
	return &reserving{Listener: l, most: descriptors - descriptors/4, number: descriptor, refused: refused}
}

// A reserving listener refuses connections whose descriptors have too high a number.
type reserving struct {
	net.Listener
	most    int
	number  func(net.Conn) int
	refused func(from net.Addr)
}

// Accept waits for a connection that may stay.
func (l *reserving) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil || l.number(conn) < l.most {
			return conn, err
		}
		from := conn.RemoteAddr()
		_ = conn.Close()
		l.refused(from)
	}
}
