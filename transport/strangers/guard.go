package strangers

import (
	"net"
	"sync/atomic"
)

// Guard returns a listener whose connections have a seat in a room of at most so many, or
// fewer as [Most] says, until they are closed or admitted. They are *[Guest]. Evicted is called
// for each that was closed to make room; nil: nobody wants to know.
func Guard(l net.Listener, most int, evicted func()) net.Listener {
	if evicted == nil {
		evicted = func() {}
	}
	return &guarded{l, NewRoom(Most(most)), evicted}
}

type guarded struct {
	net.Listener
	room    *Room
	evicted func()
}

// Accept waits for a connection, and gives it a seat.
func (g *guarded) Accept() (net.Conn, error) {
	conn, err := g.Listener.Accept()
	if err != nil {
		return nil, err
	}
	guest := &Guest{Conn: conn, room: g.room}
	guest.seat.Store(g.room.Enter(conn.RemoteAddr(), guest.spoke.Load, func() {
		g.evicted()
		_ = conn.Close()
	}))
	return guest, nil
}

// A Guest is a connection with a seat among those of strangers. When it has to make room it
// is closed.
type Guest struct {
	net.Conn
	room  *Room
	seat  atomic.Pointer[Seat] // nil: it needs none any more
	spoke atomic.Bool
}

// Admit says that the connection needs its seat no more, as nobody strange has it.
func (g *Guest) Admit() {
	if seat := g.seat.Swap(nil); seat != nil {
		g.room.Leave(seat)
	}
}

// Read reads, and notes that something has come.
func (g *Guest) Read(b []byte) (int, error) {
	n, err := g.Conn.Read(b)
	if n > 0 && !g.spoke.Load() {
		g.spoke.Store(true)
	}
	return n, err
}

// Close closes the connection, and gives its seat back.
func (g *Guest) Close() error {
	g.Admit()
	return g.Conn.Close()
}
