package choose

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/project-iris/iris/transport"
)

// ErrNoTransport is a Dial of an address none of whose schemes is known.
var ErrNoTransport = errors.New("choose: no transport in common")

// A Transport is several in one.
type Transport struct {
	config  Config
	blocked blocked
	packets chan packet     // unbuffered
	closing context.Context // ends with Close
	stop    context.CancelFunc

	mu         sync.Mutex
	closed     bool
	collecting bool           // packets are passed on
	work       sync.WaitGroup // dials, attempts that lost, and what passes packets on
}

var _ transport.Transport = (*Transport)(nil)

// New returns a transport that chooses. The error is ErrConfig.
func New(config Config) (*Transport, error) {
	config, err := config.resolve()
	if err != nil {
		return nil, err
	}
	t := &Transport{config: config, packets: make(chan packet)}
	t.closing, t.stop = context.WithCancel(context.Background())
	return t, nil
}

// Scheme is the schemes in order of preference, as in the -transport flag:
// "quic,tcp".
func (t *Transport) Scheme() string {
	var schemes []string
	for _, one := range t.config.Transports {
		schemes = append(schemes, one.Scheme())
	}
	return strings.Join(schemes, ",")
}

// Versions are those of all its transports.
func (t *Transport) Versions() transport.Versions { return t.config.Transports[0].Versions() }

// Close implements transport.Transport, for all of them.
func (t *Transport) Close() error {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.stop()
	var closing sync.WaitGroup
	failures := make([]error, len(t.config.Transports))
	for i, one := range t.config.Transports {
		closing.Go(func() { failures[i] = one.Close() })
	}
	closing.Wait()
	t.work.Wait()
	return errors.Join(failures...)
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

// Dial implements transport.Transport for a list of addresses. If none
// connects, the error wraps those of all attempts; if all are this node's own,
// it is transport.ErrSelf.
func (t *Transport) Dial(ctx context.Context, addr string, want transport.PeerID) (transport.Link, error) {
	if err := t.begin(); err != nil {
		return nil, err
	}
	defer t.work.Done()
	candidates, err := t.candidates(addr)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // those that lost give up
	r := &race{chooser: t, want: want, left: candidates, results: make(chan result, len(candidates))}
	return r.run(ctx)
}
