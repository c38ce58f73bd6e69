package strangers

import (
	"errors"
	"math"
	"net"
	"slices"
	"testing"
)

// numbered is a connection with a descriptor.
type numbered struct {
	net.Conn
	number int
}

func (c *numbered) RemoteAddr() net.Addr { return &net.TCPAddr{Port: c.number} }

// arriving is a listener at which connections with some descriptors arrive.
type arriving struct {
	net.Listener
	numbers []int
}

var errNoMore = errors.New("no more connections")

func (a *arriving) Accept() (net.Conn, error) {
	if len(a.numbers) == 0 {
		return nil, errNoMore
	}
	ours, _ := net.Pipe()
	conn := &numbered{ours, a.numbers[0]}
	a.numbers = a.numbers[1:]
	return conn, nil
}

func TestReserveRefusesHighDescriptors(t *testing.T) {
	var refused, accepted []int
	l := &reserving{
		Listener: &arriving{numbers: []int{3, 95, 96, 127, 5, -1}}, most: 96,
		number:  func(c net.Conn) int { return c.(*numbered).number },
		refused: func(from net.Addr) { refused = append(refused, from.(*net.TCPAddr).Port) },
	}
	for {
		conn, err := l.Accept()
		if errors.Is(err, errNoMore) {
			break
		}
		accepted = append(accepted, conn.(*numbered).number)
	}
	if !slices.Equal(accepted, []int{3, 95, 5, -1}) || !slices.Equal(refused, []int{96, 127}) {
		t.Errorf("accepted %v, refused %v", accepted, refused)
	}
}

// The number of a real connection is one that the process may have.
func TestDescriptorsOfConnections(t *testing.T) {
	if Descriptors() == math.MaxInt {
		t.Skip("nothing bounds descriptors here")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	guarded := Reserve(l, func(from net.Addr) { t.Errorf("%v is refused", from) })
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer dialled.Close()
	conn, err := guarded.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if n := descriptor(conn); n < 3 || n >= Descriptors() {
		t.Errorf("descriptor %d of %d", n, Descriptors())
	}
	if got, want := Most(math.MaxInt), Descriptors()/8; got != want {
		t.Errorf("%d places for strangers, want %d", got, want)
	}
	if Most(4) != 4 || Most(0) != 1 {
		t.Error("what is asked for does not count")
	}
}
