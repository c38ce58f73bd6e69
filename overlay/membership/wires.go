package membership

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/project-iris/iris/transport"
)

// errNoName is an address without the name of its node, which nothing can be sent to.
var errNoName = errors.New("membership: node has no name")

// wires makes a [Carrier] what memberlist takes for its network.
type wires struct {
	self    transport.PeerID
	carrier Carrier
	packets chan *memberlist.Packet
	streams chan net.Conn
	dropped atomic.Uint64

	ctx    context.Context // ends with the membership
	cancel context.CancelFunc

	mu     sync.Mutex
	closed bool
}

var _ memberlist.NodeAwareTransport = (*wires)(nil)

func newWires(self transport.PeerID, carrier Carrier) *wires {
	w := &wires{
		self:    self,
		carrier: carrier,
		packets: make(chan *memberlist.Packet, maxQueue),
		streams: make(chan net.Conn, 16),
	}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return w
}

// packet queues a packet for memberlist.
func (w *wires) packet(from transport.PeerID, b []byte) {
	select {
	case w.packets <- &memberlist.Packet{Buf: b, From: address(from), Timestamp: time.Now()}:
	default:
		w.dropped.Add(1)
	}
}

// stream queues a stream for memberlist.
func (w *wires) stream(from transport.PeerID, s transport.Stream) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		select {
		case w.streams <- &conn{Stream: s, self: w.self, peer: from}:
			return
		default:
			w.dropped.Add(1)
		}
	}
	s.Reset(transport.CodeBusy)
}

// close refuses what still comes.
func (w *wires) close() {
	w.cancel()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
}

// FinalAdvertiseAddr is the stand-in for this node's address.
func (w *wires) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	a := address(w.self)
	return a.IP, a.Port, nil
}

// WriteToAddress sends a packet.
func (w *wires) WriteToAddress(b []byte, to memberlist.Address) (time.Time, error) {
	now := time.Now()
	id, err := transport.ParsePeerID(to.Name)
	if err != nil {
		return now, errNoName
	}
	w.carrier.SendPacket(id, b)
	return now, nil
}

// DialAddressTimeout opens a stream.
func (w *wires) DialAddressTimeout(to memberlist.Address, timeout time.Duration) (net.Conn, error) {
	id, err := transport.ParsePeerID(to.Name)
	if err != nil {
		return nil, errNoName
	}
	ctx, cancel := context.WithTimeout(w.ctx, timeout)
	defer cancel()
	s, err := w.carrier.OpenStream(ctx, id)
	if err != nil {
		return nil, err
	}
	return &conn{Stream: s, self: w.self, peer: id}, nil
}

// WriteTo is for nodes without names, of which there are none.
func (w *wires) WriteTo([]byte, string) (time.Time, error) { return time.Time{}, errNoName }

// DialTimeout is for nodes without names, of which there are none.
func (w *wires) DialTimeout(string, time.Duration) (net.Conn, error) { return nil, errNoName }

// PacketCh is where memberlist takes packets from.
func (w *wires) PacketCh() <-chan *memberlist.Packet { return w.packets }

// StreamCh is where memberlist takes streams from.
func (w *wires) StreamCh() <-chan net.Conn { return w.streams }

// Shutdown ends what memberlist has under way.
func (w *wires) Shutdown() error {
	w.close()
	return nil
}

// conn is a stream as a connection.
type conn struct {
	transport.Stream
	self, peer transport.PeerID
}

// Close ends both directions; what was written still arrives.
func (c *conn) Close() error {
	err := c.CloseWrite()
	c.CancelRead(transport.CodeNone)
	return err
}

func (c *conn) LocalAddr() net.Addr  { return address(c.self) }
func (c *conn) RemoteAddr() net.Addr { return address(c.peer) }
