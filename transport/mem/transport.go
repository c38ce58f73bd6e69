package mem

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/hello"
)

// Scheme is what addresses in memory begin with.
const Scheme = "mem"

// Causes that this package gives.
var (
	errNobody = errors.New("nobody listens there")

	// ErrKilled is what the links of a killed node fail with, on its own side.
	ErrKilled = errors.New("mem: the node was killed")
)

// A Transport is a node's place in a network.
type Transport struct {
	network  *Network
	id       transport.PeerID
	versions transport.Versions
	packets  packets

	mu        sync.Mutex // taken after a wire's lock, never before it
	closed    bool
	links     map[*link]struct{}
	listeners map[*listener]struct{}
	work      sync.WaitGroup // dials and handshakes
}

func newTransport(n *Network, id transport.PeerID, versions transport.Versions) *Transport {
	return &Transport{
		network: n, id: id, versions: versions, packets: newPackets(),
		links: make(map[*link]struct{}), listeners: make(map[*listener]struct{}),
	}
}

// ID is the node's id.
func (t *Transport) ID() transport.PeerID { return t.id }

// Scheme is "mem".
func (t *Transport) Scheme() string { return Scheme }

// Versions are those that the node speaks.
func (t *Transport) Versions() transport.Versions { return t.versions }

// Dial links to the node that listens at addr. It takes two round trips, as
// TLS does, and gives up after hello.Timeout.
func (t *Transport) Dial(ctx context.Context, addr string, want transport.PeerID) (transport.Link, error) {
	var acceptor transport.PeerID
	self := transport.ErrSelf
	if there := t.network.listenerAt(addr); there != nil {
		acceptor = there.node.id
		if there.node != t {
			self = transport.ErrSameID
		}
	}
	l := t.network.connect(t.id, acceptor, addr).ends[0]
	if !t.begin(l) {
		return nil, transport.ErrClosed
	}
	defer t.work.Done()
	dialing, cancel := context.WithTimeout(ctx, hello.Timeout)
	defer cancel()
	if err := l.greet(dialing, want, self, t.versions); err != nil {
		_ = l.Close(parting(err))
		if ctx.Err() == nil && dialing.Err() != nil {
			return nil, &transport.NetworkError{Op: "dial", Addr: addr, Silent: true}
		}
		return nil, fmt.Errorf("mem: dial %s: %w", addr, err)
	}
	return l, nil
}

// begin takes a link under the node's care, and counts the work of its caller.
func (t *Transport) begin(l *link) bool {
	l.wire.mu.Lock()
	defer l.wire.mu.Unlock()
	if t.adopt(l) {
		return true
	}
	l.node = nil
	l.end(transport.ErrClosed)
	l.wire.ends[1-l.side].end(transport.ErrClosed)
	return false
}

// adopt is begin with the wire's lock held.
func (t *Transport) adopt(l *link) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	l.node = t
	t.links[l] = struct{}{}
	t.work.Add(1)
	return true
}

// forget is called when a link has ended.
func (t *Transport) forget(l *link) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.links, l)
}

// greet is the dialler's side of making a link. The error self is for a node that has
// the own id.
func (l *link) greet(ctx context.Context, want transport.PeerID, self error, ours transport.Versions) error {
	if err := l.knock(ctx); err != nil {
		return err
	}
	if l.peer == l.own {
		return &transport.RefusedError{Err: self}
	}
	if !want.IsZero() && l.peer != want {
		return &transport.WrongPeerError{Want: want, Got: l.peer}
	}
	first, err := l.Open(ctx)
	if err != nil {
		return err
	}
	version, err := hello.Greet(ctx, l.peer, first, ours)
	l.begun(version)
	return err
}

// knock asks for a link and waits for the welcome.
func (l *link) knock(ctx context.Context) error {
	l.wire.mu.Lock()
	defer l.wire.mu.Unlock()
	l.send(&event{kind: knock})
	return l.wait(ctx, func() bool { return l.welcomed })
}

// answer is the acceptor's side of making a link.
func (l *link) answer(ctx context.Context, ours transport.Versions) error {
	first, err := l.Accept(ctx)
	if err != nil {
		return err
	}
	version, err := hello.Answer(ctx, l.peer, first, ours)
	l.begun(version)
	return err
}

// parting is how the dialler closes a link that did not come up.
func parting(err error) error {
	if errors.Is(err, transport.ErrVersion) {
		return err
	}
	return &transport.ClosedError{Code: transport.CodeRefused}
}

// begun notes the version of a link, and leaves the stream of the hellos out of the
// statistics.
func (l *link) begun(version uint16) {
	l.wire.mu.Lock()
	defer l.wire.mu.Unlock()
	l.version = version
	l.stats.StreamsOpened, l.stats.StreamsAccepted = 0, 0
}

// Listen accepts links at addr, which may be any text that nobody else listens
// on.
func (t *Transport) Listen(_ context.Context, addr string) (transport.Listener, error) {
	t.network.mu.Lock()
	defer t.network.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, transport.ErrClosed
	}
	if _, taken := t.network.listeners[addr]; taken {
		return nil, &transport.NetworkError{Op: "listen", Addr: addr, Err: errors.New("address in use")}
	}
	l := newListener(t, addr)
	t.network.listeners[addr] = l
	t.listeners[l] = struct{}{}
	return l, nil
}

// Close closes the listeners and links and waits for all dials and handshakes.
func (t *Transport) Close() error {
	for _, l := range t.leave() {
		_ = l.Close(nil)
	}
	t.work.Wait()
	return nil
}

// Kill ends the node without a word to anybody, as a cut cable or a lost power
// supply does: the other sides of its links notice after Config.IdleTimeout.
// Its own side sees a NetworkError with ErrKilled. A new node may take the id.
func (t *Transport) Kill() {
	for _, l := range t.leave() {
		l.wire.mu.Lock()
		l.end(&transport.NetworkError{Op: "link", Addr: l.remoteAddr, Err: ErrKilled})
		l.wire.mu.Unlock()
	}
	t.work.Wait()
}

// leave takes the node out of the network and returns the links that remain.
func (t *Transport) leave() []*link {
	listeners, links := t.close()
	for l := range listeners {
		_ = l.Close()
	}
	t.network.mu.Lock()
	if t.network.nodes[t.id] == t {
		delete(t.network.nodes, t.id)
	}
	t.network.mu.Unlock()
	return links
}

func (t *Transport) close() (map[*listener]struct{}, []*link) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.closed = true
		close(t.packets.closing)
	}
	listeners := t.listeners
	t.listeners = nil
	links := make([]*link, 0, len(t.links))
	for l := range t.links {
		links = append(links, l)
	}
	return listeners, links
}
