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

const (
	// maxQueue is how many packets wait for memberlist. More are dropped and counted.
	maxQueue = 1024
	// maxStreams is how many streams of peers are worked on at a time, and
	// maxPeerStreams how many of one peer are, or wait. More are refused and counted.
	maxStreams     = 16
	maxPeerStreams = 4
	// streamTimeout is how long a stream waits for its turn.
	streamTimeout = 2 * time.Second
)

var (
	// errNoName is an address without the name of its node, which nothing can be sent to.
	errNoName = errors.New("membership: node has no name")
	errClosed = errors.New("membership: closed")
	// errLate is a probe that this node was too late itself to judge by.
	errLate = errors.New("membership: this node is late")
)

// wires makes a [Carrier] what memberlist takes for its network.
type wires struct {
	self    transport.PeerID
	carrier Carrier
	screen  *screen
	packets chan *memberlist.Packet
	streams chan net.Conn
	slots   chan struct{} // has one for each stream of a peer that is worked on
	dropped atomic.Uint64

	ctx    context.Context // ends with the membership
	cancel context.CancelFunc

	mu     sync.Mutex
	closed bool
	conns  map[*conn]struct{}       // that memberlist has open
	guests map[transport.PeerID]int // streams that a peer has opened
	work   sync.WaitGroup           // one for each of conns
	quiet  bool                     // no probe is sent any more
	probe  *probe                   // the last one, nil if it was answered
	delays delays                   // while it has no answer
	looks  *time.Timer              // to the next look at them; nil: there was none yet
}

// probe is one that memberlist has sent.
type probe struct {
	to       string
	sent     time.Time
	answered chan struct{} // closed when it was
}

var _ memberlist.NodeAwareTransport = (*wires)(nil)

func newWires(self transport.PeerID, carrier Carrier, s *screen) *wires {
	w := &wires{
		self:    self,
		carrier: carrier,
		screen:  s,
		packets: make(chan *memberlist.Packet, maxQueue),
		streams: make(chan net.Conn),
		slots:   make(chan struct{}, maxStreams),
		conns:   make(map[*conn]struct{}),
		guests:  make(map[transport.PeerID]int),
	}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return w
}

// packet queues a packet for memberlist.
func (w *wires) packet(from transport.PeerID, b []byte) {
	if w.screen.packet(b) != nil {
		w.dropped.Add(1)
		return
	}
	if w.late() {
		b = unjudged(w.self.String(), b)
	}
	select {
	case w.packets <- &memberlist.Packet{Buf: b, From: address(from), Timestamp: time.Now()}:
	default:
		w.dropped.Add(1)
	}
}

// stream hands a stream to memberlist and returns when it was closed there.
func (w *wires) stream(from transport.PeerID, s transport.Stream) {
	defer s.Reset(transport.CodeBusy) // does nothing to one that was closed
	if !w.enter(from) {
		w.dropped.Add(1)
		return
	}
	defer w.exit(from)
	timer := time.NewTimer(streamTimeout)
	defer timer.Stop()
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	case <-timer.C:
		w.dropped.Add(1)
		return
	case <-w.ctx.Done():
		return
	}
	c, err := w.track(from, s)
	if err != nil {
		return
	}
	select {
	case w.streams <- c:
		<-c.ended
	case <-w.ctx.Done():
		_ = c.Close()
	}
}

// enter counts a stream of a peer, if it is not one too many.
func (w *wires) enter(from transport.PeerID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.guests[from] == maxPeerStreams {
		return false
	}
	w.guests[from]++
	return true
}

func (w *wires) exit(from transport.PeerID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.guests[from]--; w.guests[from] == 0 {
		delete(w.guests, from)
	}
}

// track makes a connection of a stream, and remembers it until it is closed.
func (w *wires) track(peer transport.PeerID, s transport.Stream) (*conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		s.Reset(transport.CodeBusy)
		return nil, errClosed
	}
	c := &conn{Stream: s, wires: w, self: w.self, peer: peer, ended: make(chan struct{})}
	w.conns[c] = struct{}{}
	w.work.Add(1)
	return c, nil
}

func (w *wires) untrack(c *conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, c)
	w.work.Done()
}

// close refuses what still comes, and ends what memberlist has under way.
func (w *wires) close() {
	w.cancel()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.looks != nil {
		w.looks.Stop()
	}
	for c := range w.conns {
		c.Reset(transport.CodeNone)
	}
}

// endProbes lets memberlist send no more probes, and returns when the last one is answered, or
// after a while: until then a goroutine of memberlist waits for the answer, for [maxProbe] at
// most.
func (w *wires) endProbes() {
	w.mu.Lock()
	w.quiet = true
	last := w.probe
	w.mu.Unlock()
	if last == nil {
		return
	}
	timer := time.NewTimer(time.Until(last.sent.Add(leaveTimeout)))
	defer timer.Stop()
	select {
	case <-last.answered:
	case <-timer.C:
	}
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
	if err := w.note(to.Name, b); err != nil {
		return now, err
	}
	w.carrier.SendPacket(id, b)
	return now, nil
}

// note notes a packet that is to be sent.
func (w *wires) note(to string, b []byte) error {
	first := firstMessage(b)
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	switch kind := kindOf(first); {
	case w.closed || w.quiet && kind == typePing:
		return errClosed
	case kind == typePing:
		w.probe = &probe{to: to, sent: now, answered: make(chan struct{})}
		if w.delays.begin(now) {
			w.lookLater()
		}
	case kind == typeIndirect && w.delays.late(now):
		w.excuse(first)
		return errLate
	}
	return nil
}

// lookLater looks in a while how late this node is. The lock is held.
func (w *wires) lookLater() {
	if w.looks == nil {
		w.looks = time.AfterFunc(lookEvery, w.look)
	} else {
		w.looks.Reset(lookEvery)
	}
}

// look looks how late this node is.
func (w *wires) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed && w.delays.look(time.Now()) {
		w.lookLater()
	}
}

// late reports whether this node is, or was a short while ago.
func (w *wires) late() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.delays.late(time.Now())
}

// excuse has memberlist take a probe for answered which it would have others repeat.
func (w *wires) excuse(indirect []byte) {
	select {
	case w.packets <- &memberlist.Packet{Buf: acknowledgement(numberOf(indirect)), From: address(w.self), Timestamp: time.Now()}:
	default:
	}
}

// firstMessage returns the first message of a packet, nil if there is none.
func firstMessage(b []byte) []byte {
	for message := range messages(b) {
		return message
	}
	return nil
}

// kindOf returns the type of a message, or that of none.
func kindOf(message []byte) byte {
	if len(message) == 0 {
		return typeCompound // which is no message
	}
	return message[0]
}

// answered notes that a node has answered a probe.
func (w *wires) answered(by string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.probe != nil && w.probe.to == by {
		close(w.probe.answered)
		w.probe = nil
		w.delays.end()
		w.looks.Stop()
	}
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
	return w.track(id, s)
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
