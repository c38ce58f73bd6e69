package peers_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// node is a node with peers, that listens at the text of its short id.
type node struct {
	*peers.Peers
	*recorder
	transport *mem.Transport
	serving   sync.WaitGroup
	wanting   keeper
}

// keeper wants links again and again.
type keeper struct {
	mu      sync.Mutex
	wanted  map[transport.PeerID]context.CancelFunc
	working sync.WaitGroup
}

// Keep has a node want a link to another without a pause.
func (k *keeper) keep(ps *peers.Peers, id transport.PeerID, addr string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	ps.Meet(id, addr)
	if k.wanted[id] != nil {
		return
	}
	if k.wanted == nil {
		k.wanted = make(map[transport.PeerID]context.CancelFunc)
	}
	ctx, cancel := context.WithCancel(context.Background())
	k.wanted[id] = cancel
	k.working.Go(func() {
		for !errors.Is(ps.Want(id), peers.ErrClosed) {
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
				return
			}
		}
	})
}

// drop ends that.
func (k *keeper) drop(id transport.PeerID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if cancel := k.wanted[id]; cancel != nil {
		cancel()
		delete(k.wanted, id)
	}
}

// end ends all of it.
func (k *keeper) end() {
	k.mu.Lock()
	for _, cancel := range k.wanted {
		cancel()
	}
	clear(k.wanted)
	k.mu.Unlock()
	k.working.Wait()
}

// Keep wants a link to another node again and again, until Drop.
func (n *node) Keep(id transport.PeerID, addr string) { n.wanting.keep(n.Peers, id, addr) }

// Drop ends Keep.
func (n *node) Drop(id transport.PeerID) {
	n.wanting.drop(id)
	n.Forget(id)
}

func addr(id transport.PeerID) string { return id.Short() }

func start(t *testing.T, network *mem.Network, id transport.PeerID) *node {
	t.Helper()
	n := &node{transport: network.Node(id), recorder: newRecorder(t)}
	n.serve(addr(id), func(c peers.Contest) { t.Errorf("%s takes another for itself: %+v", id.Short(), c) })
	return n
}

// serve has the node accept links.
func (n *node) serve(at string, contested func(peers.Contest)) {
	t := n.recorder.t
	t.Helper()
	n.Peers = peers.New(peers.Config{Self: n.transport.ID(), Transport: n.transport, Handler: n.recorder, Contested: contested})
	listener, err := n.transport.Listen(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	n.serving.Go(func() { n.Serve(listener) })
	t.Cleanup(func() { n.stop(nil) })
}

// stop ends the node and checks that what came up has gone down.
func (n *node) stop(cause error) {
	n.Close(cause)
	n.wanting.end()
	n.serving.Wait()
	_ = n.transport.Close()
	n.recorder.expectBalance()
}

// kill ends the node without a word to the others.
func (n *node) kill() {
	n.transport.Kill()
	n.stop(nil)
}

// arrival is a stream with its first 64 KiB at most.
type arrival struct {
	from transport.PeerID
	kind peers.Kind
	text string
}

// recorder is a handler that checks the order in which it is called.
type recorder struct {
	t *testing.T

	mu        sync.Mutex
	state     map[*peers.Peer]bool // up, or down again
	ups       int
	causes    []error
	datagrams int
	arrivals  []arrival
	open      int // Stream calls underway
}

func newRecorder(t *testing.T) *recorder {
	return &recorder{t: t, state: make(map[*peers.Peer]bool)}
}

func (r *recorder) LinkUp(p *peers.Peer) {
	runtime.Gosched() // lets go first what must not
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, twice := r.state[p]; twice {
		r.t.Errorf("link to %s is up twice", p.ID().Short())
	}
	for other, up := range r.state {
		if up && other.ID() == p.ID() {
			r.t.Errorf("link to %s is up before the one before it is down", p.ID().Short())
		}
	}
	r.state[p] = true
	r.ups++
}

func (r *recorder) LinkDown(p *peers.Peer, cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.state[p] || cause == nil {
		r.t.Errorf("link to %s is down without having been up, or for no cause: %v", p.ID().Short(), cause)
	}
	r.state[p] = false
	r.causes = append(r.causes, cause)
}

func (r *recorder) Stream(p *peers.Peer, kind peers.Kind, s transport.Stream) {
	r.expectUp(p, 1)
	defer r.expectUp(p, -1)
	if kind == peers.KindControl {
		<-p.Context().Done() // both sides keep it
		return
	}
	text, err := io.ReadAll(io.LimitReader(s, 64<<10))
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.arrivals = append(r.arrivals, arrival{p.ID(), kind, string(text)})
}

func (r *recorder) Datagram(p *peers.Peer, _ []byte) {
	r.expectUp(p, 0)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.datagrams++
}

// expectUp checks that something comes over a link that is up.
func (r *recorder) expectUp(p *peers.Peer, change int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.state[p] {
		r.t.Errorf("something from %s outside of the life of its link", p.ID().Short())
	}
	r.open += change
}

// handling returns how many streams are handled.
func (r *recorder) handling() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open
}

func (r *recorder) expectBalance() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p, up := range r.state {
		if up {
			r.t.Errorf("link to %s never went down", p.ID().Short())
		}
	}
	if r.open != 0 {
		r.t.Errorf("%d streams are still handled", r.open)
	}
}

// living returns the links that are up.
func (r *recorder) living() []*peers.Peer {
	r.mu.Lock()
	defer r.mu.Unlock()
	var living []*peers.Peer
	for p, up := range r.state {
		if up {
			living = append(living, p)
		}
	}
	return living
}

func (r *recorder) count() (ups int, arrivals []arrival, datagrams int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ups, append([]arrival(nil), r.arrivals...), r.datagrams
}

func (r *recorder) lastCause() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.causes) == 0 {
		return nil
	}
	return r.causes[len(r.causes)-1]
}

// send sends a text on a stream of its own, to its end.
func send(ctx context.Context, p *peers.Peer, kind peers.Kind, text string) error {
	s, err := p.Open(ctx, kind)
	if err != nil {
		return err
	}
	if _, err = io.WriteString(s, text); err != nil {
		return err
	}
	if err = s.CloseWrite(); err != nil {
		return err
	}
	_, err = s.Read(make([]byte, 1)) // the handler has returned
	if reset := (*transport.StreamError)(nil); errors.Is(err, io.EOF) || errors.As(err, &reset) {
		return nil
	}
	return err
}

// expectOneLink checks that two nodes use one link and no other, the same one: what
// each sends comes out at the other's end of it.
func expectOneLink(t *testing.T, a, b *node) {
	t.Helper()
	ab, ba := a.Get(b.transport.ID()), b.Get(a.transport.ID())
	if ab == nil || ba == nil {
		t.Fatalf("no link in use: %v, %v", ab, ba)
	}
	if n, m := len(a.living()), len(b.living()); n != 1 || m != 1 || a.living()[0] != ab || b.living()[0] != ba {
		t.Fatalf("%d and %d links are up, and one in use", n, m)
	}
	before := ba.Link().Stats().StreamsAccepted
	if err := send(t.Context(), ab, peers.KindLane, "which one?"); err != nil {
		t.Fatal(err)
	}
	if after := ba.Link().Stats().StreamsAccepted; after != before+1 {
		t.Fatalf("the two use different links: %d streams accepted, then %d", before, after)
	}
}

// eventually waits in virtual time.
func eventually(t *testing.T, limit time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	for !ok() {
		if time.Since(begin) > limit {
			t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(time.Millisecond) // virtual
	}
	return time.Since(begin)
}
