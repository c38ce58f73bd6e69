package quic

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

// A road is a path to a node, on which packets can be lost, by size or by chance.
type road struct {
	front   *net.UDPConn
	limit   atomic.Int64  // the largest packet that passes, in bytes
	loss    atomic.Int64  // packets lost, of a hundred
	delay   atomic.Int64  // of each packet, in nanoseconds
	largest atomic.Int64  // packet that came, of the dialling side's
	vanish  atomic.Uint64 // packets

	mu   sync.Mutex
	back map[netip.AddrPort]*net.UDPConn
	work sync.WaitGroup
}

func newRoad(t *testing.T, to string) *road {
	t.Helper()
	server, err := net.ResolveUDPAddr("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	r := &road{back: make(map[netip.AddrPort]*net.UDPConn)}
	if r.front, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
		t.Fatal(err)
	}
	r.limit.Store(maxPacket)
	r.work.Go(func() { r.there(server) })
	t.Cleanup(func() {
		r.front.Close()
		r.mu.Lock()
		for _, back := range r.back {
			back.Close()
		}
		r.mu.Unlock()
		r.work.Wait()
	})
	return r
}

func (r *road) addr() string { return r.front.LocalAddr().String() }

func (r *road) passes(size int) bool {
	if int64(size) > r.limit.Load() {
		r.vanish.Add(1)
		return false
	}
	return rand.Int64N(100) >= r.loss.Load()
}

// later passes a packet on when its time has come.
func (r *road) later(packet []byte, pass func([]byte)) {
	delay := time.Duration(r.delay.Load())
	if delay == 0 {
		pass(packet)
		return
	}
	packet = bytes.Clone(packet)
	time.AfterFunc(delay, func() { pass(packet) })
}

func (r *road) there(server *net.UDPAddr) {
	packet := make([]byte, 2048)
	for {
		n, from, err := r.front.ReadFromUDPAddrPort(packet)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		r.largest.Store(max(r.largest.Load(), int64(n)))
		if back := r.backFor(from, server); back != nil && r.passes(n) {
			r.later(packet[:n], func(b []byte) { _, _ = back.Write(b) })
		}
	}
}

func (r *road) backFor(from netip.AddrPort, server *net.UDPAddr) *net.UDPConn {
	r.mu.Lock()
	defer r.mu.Unlock()
	back := r.back[from]
	if back == nil {
		var err error
		if back, err = net.DialUDP("udp", nil, server); err != nil {
			return nil
		}
		r.back[from] = back
		r.work.Go(func() { r.home(back, from) })
	}
	return back
}

func (r *road) home(back *net.UDPConn, to netip.AddrPort) {
	packet := make([]byte, 2048)
	for {
		n, err := back.Read(packet)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil && r.passes(n) {
			r.later(packet[:n], func(b []byte) { _, _ = r.front.WriteToUDPAddrPort(b, to) })
		}
	}
}

// A trip is two nodes with a road between them, the second of which sends back what
// comes on a stream.
type trip struct {
	a, b     *Transport
	road     *road
	listener transport.Listener
}

func newTrip(t *testing.T) *trip {
	t.Helper()
	network := identitytest.NewNetwork(t, "trip")
	p := &trip{a: newTestTransport(t, network), b: newTestTransport(t, network)}
	var err error
	if p.listener, err = p.b.Listen(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	p.road = newRoad(t, p.listener.Addr())
	return p
}

// link dials over the road.
func (p *trip) link(t *testing.T) (here, there transport.Link) {
	t.Helper()
	here, err := p.a.Dial(t.Context(), p.road.addr(), transport.PeerID{})
	if err != nil {
		t.Fatal(err)
	}
	if there, err = p.listener.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	go echoStreams(there)
	return here, there
}

func echoStreams(l transport.Link) {
	for {
		s, err := l.Accept(context.Background())
		if err != nil {
			return
		}
		go func() {
			_, _ = io.Copy(s, s)
			_ = s.CloseWrite()
		}()
	}
}

// carry sends bytes over a link and waits for them to come back.
func carry(l transport.Link, size int) error {
	s, err := l.Open(l.Context())
	if err != nil {
		return err
	}
	defer s.Reset(0)
	sent := make(chan error, 1)
	go func() {
		_, err := s.Write(make([]byte, size))
		sent <- errors.Join(err, s.CloseWrite())
	}()
	n, err := io.Copy(io.Discard, s)
	if err := errors.Join(err, <-sent); err != nil {
		return err
	}
	if n != int64(size) {
		return errors.New("too little came back")
	}
	return nil
}

// grow uses a link until its packets are large.
func (p *trip) grow(t *testing.T, l transport.Link) {
	t.Helper()
	for p.road.largest.Load() < 1400 {
		if err := carry(l, 50_000); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTheNextLinkAfterABlackHoleWorks narrows the path of a link that is up.
func TestTheNextLinkAfterABlackHoleWorks(t *testing.T) {
	p := newTrip(t)
	here, there := p.link(t)
	p.grow(t, here)
	p.road.limit.Store(1300)
	begin := time.Now()
	if err := carry(here, 100_000); !errors.Is(err, transport.ErrNetwork) && !errors.Is(err, transport.ErrPeerClosed) {
		t.Fatalf("over a path that became narrower: %v", err)
	}
	took := time.Since(begin)
	t.Logf("the link has ended after %v: here %v, there %v", took, cause(here), cause(there))
	if took > 20*time.Second {
		t.Errorf("the link has lived on for %v", took)
	}
	expectPath(t, here, there)
	p.road.largest.Store(0)
	next, _ := p.link(t)
	if err := carry(next, 1_000_000); err != nil {
		t.Errorf("the next link: %v", err)
	}
	if !errors.Is(cause(here), errVanish) {
		return // the other side was first, and this one looks for the path's MTU anew
	}
	if largest := p.road.largest.Load(); largest > basePacket {
		t.Errorf("the next link sends packets of %d bytes", largest)
	}
}

// expectPath checks that one side of a link says what has happened, and the other has
// heard it.
func expectPath(t *testing.T, here, there transport.Link) {
	t.Helper()
	first, second := cause(here), cause(there)
	if !errors.Is(first, errVanish) {
		first, second = second, first
	}
	closed, told := errors.AsType[*transport.ClosedError](second)
	both := errors.Is(first, errVanish) && errors.Is(second, errVanish)
	if !both && (!errors.Is(first, transport.ErrNetwork) || !errors.Is(first, errVanish) || !told || closed.Code != transport.CodePath) {
		t.Errorf("the causes are %v and %v", first, second)
	}
}

func cause(l transport.Link) error {
	<-l.Context().Done()
	return context.Cause(l.Context())
}

// TestTheDialledSideNoticesABlackHole has only the side that accepted the link send.
func TestTheDialledSideNoticesABlackHole(t *testing.T) {
	p := newTrip(t)
	here, there := p.link(t)
	p.grow(t, here)
	for packetSize(there.(*link).conn) < 1400 {
		if err := carry(here, 50_000); err != nil {
			t.Fatal(err)
		}
	}
	p.road.limit.Store(1300)
	s, err := there.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	_, _ = s.Write(make([]byte, 100_000))
	if err := cause(there); !errors.Is(err, errVanish) || time.Since(begin) > 20*time.Second {
		t.Errorf("the link has ended after %v: %v", time.Since(begin), err)
	}
	if remote := there.(*link).remote.Addr(); !p.b.narrow.has(remote, time.Now()) || p.b.configFor(remote) != p.b.small {
		t.Error("links of that address do not use small packets")
	}
}

// TestANarrowPathIsNoObstacle carries no more than the least from the first packet on.
func TestANarrowPathIsNoObstacle(t *testing.T) {
	p := newTrip(t)
	p.road.limit.Store(basePacket)
	here, _ := p.link(t)
	if err := carry(here, 1_000_000); err != nil {
		t.Error(err)
	}
}

// TestALossyLinkLives is busy on paths that lose packets of any size.
func TestALossyLinkLives(t *testing.T) {
	rows := []struct {
		name  string
		loss  int64 // of a hundred packets, each way
		delay time.Duration
	}{{"near, one packet in ten", 10, 0}, {"far, one packet in twenty", 5, 200 * time.Millisecond}}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p := newTrip(t)
			here, there := p.link(t)
			p.grow(t, here)
			p.road.loss.Store(row.loss)
			p.road.delay.Store(int64(row.delay))
			for begin := time.Now(); time.Since(begin) < 5*time.Second; {
				if err := carry(here, 50_000); err != nil {
					t.Fatalf("after %v: %v", time.Since(begin), err)
				}
			}
			if here.Context().Err() != nil || there.Context().Err() != nil {
				t.Errorf("the link has ended: %v, %v", cause(here), cause(there))
			}
		})
	}
}

// TestWhoWaitsForAStreamFindsTheCause looks at the moment when Accept fails.
func TestWhoWaitsForAStreamFindsTheCause(t *testing.T) {
	p := newTrip(t)
	for range 30 {
		here, there := p.link(t)
		over := make(chan error, 1)
		go func() {
			_, _ = here.Accept(context.Background())
			over <- context.Cause(here.Context())
		}()
		here.(*link).fail(errVanish, &transport.ClosedError{Code: transport.CodePath})
		if err := <-over; !errors.Is(err, errVanish) {
			t.Fatalf("the cause is %v", err)
		}
		_ = cause(there)
	}
}

// TestAPeerThatDoesNotReadIsNoBlackHole fills the windows of a stream that nobody reads.
func TestAPeerThatDoesNotReadIsNoBlackHole(t *testing.T) {
	p := newTrip(t)
	here, there := p.link(t)
	p.grow(t, here)
	s, err := there.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_ = s.SetWriteDeadline(time.Now().Add(4 * time.Second))
	for err == nil {
		_, err = s.Write(make([]byte, 1<<20))
	}
	if err := carry(here, 50_000); err != nil || there.Context().Err() != nil {
		t.Errorf("the link has ended: %v", err)
	}
	if n := len(p.b.narrow.since); n > 0 {
		t.Error("the path is taken for narrow")
	}
}

// TestThePacketSizeIsKnown compares what is worked out with what is sent.
func TestThePacketSizeIsKnown(t *testing.T) {
	p := newTrip(t)
	here, _ := p.link(t)
	if size := packetSize(here.(*link).conn); size != basePacket && int64(size) > p.road.largest.Load() {
		t.Errorf("a new link has packets of %d bytes, %d at the most were sent", size, p.road.largest.Load())
	}
	p.grow(t, here)
	here.(*link).pulse.stop() // no soundings
	before := 0
	for size := packetSize(here.(*link).conn); size != before; size = packetSize(here.(*link).conn) {
		before = size
		p.road.largest.Store(0)
		if err := carry(here, 500_000); err != nil {
			t.Fatal(err)
		}
	}
	if got := p.road.largest.Load(); got != int64(before) {
		t.Errorf("packets of %d bytes are sent, %d were expected", got, before)
	}
}
