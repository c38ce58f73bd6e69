package quic

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
	"github.com/project-iris/iris/transport/refusal"
)

// Scheme is what addresses over QUIC begin with.
const Scheme = "quic"

// A Transport makes links over QUIC. Its addresses are "host:port"; a host name
// is resolved when it is dialled, and its addresses are tried in turn.
type Transport struct {
	config   Config
	quic     *quicgo.Config
	small    *quicgo.Config // for paths on which large packets vanish
	incoming *quicgo.Config // picks either for those who dial
	narrow   narrowPaths
	trials   trials
	host     []byte // tells this host from others
	refusals *refusal.Log
	warnings warnings
	mirror   *identity.Mirror
	lookup   func(ctx context.Context, network, host string) ([]netip.Addr, error)
	dialing  chan struct{} // holds one for each dial underway
	packets  packets
	closing  chan struct{} // closed with the transport

	mu        sync.Mutex
	closed    bool
	sockets   []*socket
	ways      map[netip.AddrPort]*socket // of sockets, by where packets have come from
	listeners map[*listener]struct{}
	links     map[*link]struct{}
	attempts  map[*attempt]struct{}
	work      sync.WaitGroup // dials, and what waits for the end of each link
}

// New returns a transport. It opens no socket yet.
func New(config Config) (*Transport, error) {
	config, err := config.resolve()
	if err != nil {
		return nil, err
	}
	host, err := hostSource{state: config.State, root: "/", name: os.Hostname}.secret()
	if err != nil {
		return nil, err
	}
	t := &Transport{
		config:    config,
		quic:      config.quic(),
		small:     config.quic(),
		incoming:  config.quic(),
		host:      host,
		refusals:  refusal.NewLog(config.Logger, Scheme),
		warnings:  warnings{logger: config.Logger},
		mirror:    identity.NewMirror(config.Identity),
		lookup:    net.DefaultResolver.LookupNetIP,
		dialing:   make(chan struct{}, dialsAtOnce),
		packets:   packets{arrived: make(chan arrival, packetQueue)},
		closing:   make(chan struct{}),
		ways:      make(map[netip.AddrPort]*socket),
		listeners: make(map[*listener]struct{}),
		links:     make(map[*link]struct{}),
		attempts:  make(map[*attempt]struct{}),
	}
	t.small.DisablePathMTUDiscovery = true
	t.incoming.GetConfigForClient = func(client *quicgo.ClientInfo) (*quicgo.Config, error) {
		return t.configFor(unmapped(client.RemoteAddr.(*net.UDPAddr)).Addr()), nil
	}
	return t, nil
}

// Scheme is "quic".
func (t *Transport) Scheme() string { return Scheme }

// Versions are those that the transport was made with.
func (t *Transport) Versions() transport.Versions { return t.config.Versions }

// Refused is how many peers were turned away since the start.
func (t *Transport) Refused() uint64 { return t.refusals.Total() }

// Dial implements transport.Transport. A silent address costs 5 s,
// and a host name can have four of them.
func (t *Transport) Dial(ctx context.Context, addr string, want transport.PeerID) (transport.Link, error) {
	if err := t.begin(); err != nil {
		return nil, err
	}
	defer t.work.Done()
	l, err := t.dial(ctx, addr, want)
	if err != nil {
		return nil, fmt.Errorf("quic: dial %s: %w", addr, t.orClosed(err))
	}
	return l, nil
}

// maxAddresses is how many addresses of a host name are tried.
const maxAddresses = 4

// dial resolves the address and tries what it stands for, one after the other.
func (t *Transport) dial(ctx context.Context, addr string, want transport.PeerID) (*link, error) {
	remotes, err := t.resolve(ctx, addr)
	if err != nil {
		return nil, err
	}
	var failures []error
	for _, remote := range remotes[:min(len(remotes), maxAddresses)] {
		l, err := t.reach(ctx, addr, remote, want)
		if !errors.Is(err, transport.ErrNetwork) {
			return l, err
		}
		failures = append(failures, err)
	}
	return nil, errors.Join(failures...)
}

// reach dials one address, again while the other side is busy.
func (t *Transport) reach(ctx context.Context, addr string, remote *net.UDPAddr, want transport.PeerID) (*link, error) {
	for pause := firstPause; ; pause *= 2 {
		l, err := t.tryInTurn(ctx, addr, remote, want)
		if !isBusy(err) || pause > lastPause {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause/2 + rand.N(pause)):
		}
	}
}

// When many dial one listener at once, quic-go refuses those that do not fit
// its queue of 32, after their handshake, and there is no setting for that. A
// dial that is refused so goes again, four times at the most, with pauses that
// spread the dials of many nodes: 0.05 s, then twice as much each time, half of
// it less or more by chance.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 8 * firstPause
)

// isBusy tells a listener that has no room from one that does not want us.
func isBusy(err error) bool {
	if closed, ok := errors.AsType[*transport.ClosedError](err); ok {
		return closed.Code == transport.CodeBusy
	}
	refused, ok := errors.AsType[*quicgo.TransportError](err)
	return ok && refused.Remote && refused.ErrorCode == quicgo.ConnectionRefused
}

// dialsAtOnce is how many dials a node has underway. Handshakes are work for
// the processor on both sides: more at once do not end sooner, and on a busy
// machine they run into their timeouts. A dial that takes longer than
// dialsTurn waits for somebody rather than works, and makes room.
const (
	dialsAtOnce = 16
	dialsTurn   = time.Second
)

// tryInTurn dials once, when there is room for it.
func (t *Transport) tryInTurn(ctx context.Context, addr string, remote *net.UDPAddr, want transport.PeerID) (*link, error) {
	select {
	case t.dialing <- struct{}{}:
		leave := sync.OnceFunc(func() { <-t.dialing })
		defer leave()
		defer time.AfterFunc(dialsTurn, leave).Stop()
		return t.try(ctx, addr, remote, want)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// try dials once.
func (t *Transport) try(ctx context.Context, addr string, remote *net.UDPAddr, want transport.PeerID) (*link, error) {
	socket, err := t.socketFor(remote.IP)
	if err != nil {
		return nil, err
	}
	attempting, release := t.attempt(ctx, remote)
	conn, err := socket.quic.Dial(attempting, remote, t.mirror.ClientTLS(want), t.configFor(unmapped(remote).Addr()))
	release()
	if errors.Is(err, quicgo.ErrTransportClosed) {
		t.discard(socket) // the next dial opens another one
	}
	if err != nil {
		return nil, meaning("dial", addr, err)
	}
	l, err := t.admit(socket, conn, want)
	if errors.Is(err, transport.ErrSelf) {
		err = t.recognise(ctx, conn)
	}
	if err != nil {
		dismiss(conn)
		return nil, err
	}
	if err := l.greet(ctx, t.config.Versions); err != nil {
		_ = l.Close(farewell(err))
		return nil, err
	}
	t.warnings.check(socket, conn)
	return l, nil
}

// admit makes a connection a link, once more by what its peer has proved.
func (t *Transport) admit(s *socket, conn *quicgo.Conn, want transport.PeerID) (*link, error) {
	peer, err := t.config.Identity.Verify(conn.ConnectionState().TLS, want)
	if err != nil {
		return nil, err
	}
	return t.adopt(s, conn, peer)
}

// dismiss ends a connection that has not become a link.
func dismiss(conn *quicgo.Conn) {
	_ = conn.CloseWithError(quicgo.ApplicationErrorCode(transport.CodeRefused), "")
}

// adopt makes a link and takes care of it until it ends.
func (t *Transport) adopt(s *socket, conn *quicgo.Conn, peer identity.Peer) (*link, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, transport.ErrClosed
	}
	l := newLink(t, s, conn, peer)
	t.links[l] = struct{}{}
	t.work.Add(1)
	context.AfterFunc(l.conn.Context(), func() {
		defer t.work.Done()
		l.finish()
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.links, l)
	})
	return l, nil
}

// begin counts work that Close waits for.
func (t *Transport) begin() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return transport.ErrClosed
	}
	t.work.Add(1)
	return nil
}

// orClosed is the error, or ErrClosed if that is why it happened.
func (t *Transport) orClosed(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return transport.ErrClosed
	}
	return err
}

// Close implements transport.Transport.
func (t *Transport) Close() error {
	listeners, links, sockets := t.shut()
	for _, l := range listeners {
		_ = l.Close()
	}
	var closing sync.WaitGroup
	for _, l := range links {
		closing.Go(func() { _ = l.Close(nil) })
	}
	closing.Wait()
	for _, s := range sockets {
		s.close()
	}
	t.work.Wait()
	return nil
}

// shut marks the transport closed and returns what is left to close.
func (t *Transport) shut() (listeners []*listener, links []*link, sockets []*socket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.closed = true
		close(t.closing)
	}
	for l := range t.listeners {
		listeners = append(listeners, l)
	}
	for l := range t.links {
		links = append(links, l)
	}
	sockets, t.sockets = t.sockets, nil
	return listeners, links, sockets
}

// resolve finds the addresses to dial, at least one, the best first.
func (t *Transport) resolve(ctx context.Context, addr string) ([]*net.UDPAddr, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, &transport.NetworkError{Op: "dial", Addr: addr, Err: err}
	}
	number, err := net.DefaultResolver.LookupPort(ctx, "udp", port)
	if err != nil {
		return nil, &transport.NetworkError{Op: "dial", Addr: addr, Err: err}
	}
	if ip, err := netip.ParseAddr(host); err == nil { // whose zone a lookup would drop
		return []*net.UDPAddr{{IP: ip.Unmap().AsSlice(), Port: number, Zone: ip.Zone()}}, nil
	}
	found, err := t.lookup(ctx, "ip", host)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, &transport.NetworkError{Op: "dial", Addr: addr, Err: err}
	}
	var remotes []*net.UDPAddr
	for _, ip := range found {
		remotes = append(remotes, &net.UDPAddr{IP: ip.Unmap().AsSlice(), Port: number, Zone: ip.Zone()})
	}
	return remotes, nil
}
