package discovery

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/transport"
)

// AloneAfter is how long a node may be alone before it says what to try.
const AloneAfter = 10 * time.Second

// maxHints is how many hints wait to be looked at.
const maxHints = 256

// Network is what a finder needs of the network between nodes.
type Network interface {
	// Reach makes a link to the node at an address, a zero id being any, and returns
	// the node that is there.
	Reach(ctx context.Context, addr string, id transport.PeerID, how string) (transport.PeerID, error)
	// Expect notes how a node was found that may make a link itself.
	Expect(id transport.PeerID, how string)
	// Knows, Others, Addresses and Changed are as in [Site].
	Knows(id transport.PeerID) bool
	Others() int
	Addresses() []string
	Changed() <-chan struct{}
}

// Config configures a [Finder].
type Config struct {
	// Network is required.
	Network Network
	// Sources are where hints come from.
	Sources []Source
	// Logger gets what operators need to know. Default: nothing is logged.
	Logger *slog.Logger
}

// Finder looks for nodes until it is closed.
type Finder struct {
	config  Config
	log     *slog.Logger
	context context.Context // ends with Close
	cancel  context.CancelFunc
	work    sync.WaitGroup // all goroutines

	hints   chan Hint
	ended   chan dialled // holds those of all dials
	dropped atomic.Uint64

	mu      sync.Mutex
	retried chan struct{} // closed and replaced by Retry
	closed  bool          // no source is added any more
	sources []Source      // that are at work
}

// dialled is how a dial has ended.
type dialled struct {
	destination destination
	hint        Hint
	id          transport.PeerID
	err         error
}

// Start starts to look for nodes. The finder has to be closed.
func Start(config Config) *Finder {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	f := &Finder{
		config: config, log: config.Logger,
		hints: make(chan Hint, maxHints), ended: make(chan dialled, maxDials),
		retried: make(chan struct{}),
	}
	ctx, cancel := context.WithCancel(context.Background())
	f.context, f.cancel = ctx, cancel
	for _, s := range config.Sources {
		f.Add(s)
	}
	f.work.Go(func() { f.dial(ctx) })
	f.work.Go(func() { f.watch(ctx) })
	return f
}

// Add looks by one more source, until remove is called or the finder is closed. Hints that the
// source has given are looked at all the same. A finder that was closed adds none.
func (f *Finder) Add(s Source) (remove func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return func() {}
	}
	ctx, cancel := context.WithCancel(f.context)
	f.sources = append(f.sources, s)
	f.work.Go(func() {
		defer cancel()
		s.Run(ctx, site{f, f.config.Network})
	})
	return func() {
		cancel()
		f.mu.Lock()
		defer f.mu.Unlock()
		f.sources = slices.DeleteFunc(f.sources, func(other Source) bool { return other == s })
	}
}

// Close stops to look for nodes, and returns when all goroutines have ended.
func (f *Finder) Close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.cancel()
	f.work.Wait()
}

// Dropped returns how many hints were dropped, as too many waited.
func (f *Finder) Dropped() uint64 { return f.dropped.Load() }

// Retry looks for nodes as if none had been looked for: sources look at once, and destinations
// that failed are dialled again, no more of them a second than ever. It is for when
// something is over that may have kept this node from all others, as a wrong clock does.
// It does not block.
func (f *Finder) Retry() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.retried)
	f.retried = make(chan struct{})
}

// retry returns a channel that is closed by the next Retry.
func (f *Finder) retry() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.retried
}

// site is a finder and its network as sources see them.
type site struct {
	finder *Finder
	Network
}

// Hint implements [Site].
func (s site) Hint(h Hint) {
	select {
	case s.finder.hints <- h:
	default:
		s.finder.dropped.Add(1)
	}
}

// Retried implements [Site].
func (s site) Retried() <-chan struct{} { return s.finder.retry() }

// dial dials what the sources hint at, as the agenda says.
func (f *Finder) dial(ctx context.Context) {
	a := newAgenda(rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))
	timer := time.NewTimer(0)
	defer timer.Stop()
	retried := f.retry()
	for {
		if wait := f.dialDue(ctx, a); wait >= 0 {
			timer.Reset(wait)
		}
		select {
		case h := <-f.hints:
			if !h.ID.IsZero() {
				f.config.Network.Expect(h.ID, h.How)
			}
			a.offer(time.Now(), h)
		case d := <-f.ended:
			a.done(time.Now(), d.destination, d.id, d.err)
			d.hint.tell(d.err)
		case <-retried:
			retried = f.retry()
			a.forgive(time.Now())
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

// dialDue starts the dials that are due, and returns how long there will be none.
func (f *Finder) dialDue(ctx context.Context, a *agenda) time.Duration {
	for {
		p, h, wait, ok := a.next(time.Now(), f.member)
		if !ok {
			return wait
		}
		f.work.Go(func() {
			id, err := f.config.Network.Reach(ctx, h.Addr, h.ID, h.How)
			if err != nil {
				f.log.Debug("hint leads nowhere", "how", h.How, "addr", h.Addr, "err", err)
			}
			f.ended <- dialled{p, h, id, err}
		})
	}
}

// tell says how a dial of the hint has ended.
func (h Hint) tell(err error) {
	if h.Outcome != nil {
		h.Outcome.Tried(err)
	}
}

// member reports whether what a hint is about is a member already, and tells who has given it.
func (f *Finder) member(h Hint, id transport.PeerID) bool {
	member := f.isMember(h, id)
	if member {
		h.tell(nil)
	}
	return member
}

func (f *Finder) isMember(h Hint, id transport.PeerID) bool {
	if !id.IsZero() {
		return f.config.Network.Knows(id)
	}
	for _, list := range f.config.Network.Addresses() {
		for addr := range strings.SplitSeq(list, ",") {
			_, at := transport.SplitAddr(addr)
			if at == h.Addr || addr == h.Addr {
				return true
			}
		}
	}
	return false
}

// watch says once what to try when the node has been alone for AloneAfter, and again when
// it is alone again.
func (f *Finder) watch(ctx context.Context) {
	timer := time.NewTimer(AloneAfter)
	defer timer.Stop()
	for alone := true; ; {
		changed, before := f.config.Network.Changed(), alone
		alone = f.config.Network.Others() == 0
		if alone && !before {
			timer.Reset(AloneAfter)
		}
		if !alone {
			timer.Stop()
		}
		select {
		case <-changed:
		case <-timer.C:
			f.sayAlone()
		case <-ctx.Done():
			return
		}
	}
}

// sayAlone says what has been tried, and what is worth to try.
func (f *Finder) sayAlone() {
	var tried []string
	f.mu.Lock()
	for _, s := range f.sources {
		tried = append(tried, s.Name())
	}
	f.mu.Unlock()
	if len(tried) == 0 {
		return
	}
	f.log.Info("no other node is found yet: name one with -join HOST:PORT; "+
		"or let the ports of nodes, and UDP port 16180 for beacons, through firewalls; "+
		"or, in a network without multicast, use -discover dns:NAME, scan or exec:COMMAND",
		"after", AloneAfter, "tried", strings.Join(tried, " "))
}
