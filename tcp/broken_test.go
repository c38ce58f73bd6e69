package tcp_test

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/project-iris/iris/tcp"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

// between carries the bytes of one connection to an address. After some bytes, of one of the two ways, it resets the
// connections at both ends.
type between struct {
	net.Listener
	to string
}

func newBetween(t *testing.T, to string) *between {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return &between{listener, to}
}

// carry takes the next connection, and returns when it has ended how many bytes went there, and back. A limit
// below zero is none.
func (b *between) carry(there, back int64) (went, came int64) {
	caller, err := b.Accept()
	if err != nil {
		return 0, 0
	}
	called, err := net.Dial("tcp", b.to)
	if err != nil {
		_ = caller.Close()
		return 0, 0
	}
	reset := sync.OnceFunc(func() {
		for _, conn := range []net.Conn{caller, called} {
			_ = conn.(*net.TCPConn).SetLinger(0) // which makes Close a reset
			_ = conn.Close()
		}
	})
	pass := func(to, from net.Conn, limit int64, n *int64) {
		defer reset()
		if limit < 0 {
			*n, _ = io.Copy(to, from)
			return
		}
		*n, _ = io.CopyN(to, from, limit)
	}
	var both sync.WaitGroup
	both.Go(func() { pass(called, caller, there, &went) })
	both.Go(func() { pass(caller, called, back, &came) })
	both.Wait()
	return went, came
}

// A connection that is reset after any part of a dial fails that dial as a network does, and leaves
// nothing: the next has its link.
func TestADialThatBreaksHalfWay(t *testing.T) {
	network := identitytest.NewNetwork(t, "net")
	_, listener := listen(t, tcp.Config{Identity: network.Node(t)})
	dialler := tcp.New(tcp.Config{Identity: network.Node(t)})
	defer dialler.Close()
	middle := newBetween(t, listener.Addr())

	dial := func(there, back int64) (went, came int64, err error) {
		var carrying sync.WaitGroup
		carrying.Go(func() { went, came = middle.carry(there, back) })
		link, err := dialler.Dial(t.Context(), middle.Addr().String(), transport.PeerID{})
		if err == nil {
			accepted := accept(t, listener)
			_ = link.Close(nil)
			<-accepted.Context().Done()
		}
		carrying.Wait()
		return went, came, err
	}
	there, back, err := dial(-1, -1)
	if err != nil {
		t.Fatal(err)
	}
	// The last bytes are those of the end of a link.
	broken := 0
	for part := range int64(12) {
		for _, limits := range [][2]int64{{there * part / 16, -1}, {-1, back * part / 16}} {
			_, _, err := dial(limits[0], limits[1])
			switch {
			case err == nil: // all that a dial needs had passed
			case errors.Is(err, transport.ErrNetwork):
				broken++
			default:
				t.Errorf("reset after %d bytes there or %d back: %v", limits[0], limits[1], err)
			}
		}
	}
	if broken < 12 {
		t.Errorf("%d dials of 24 broke", broken)
	}
	if _, _, err := dial(-1, -1); err != nil {
		t.Errorf("after all this: %v", err)
	}
}
