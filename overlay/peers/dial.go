package peers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/project-iris/iris/transport"
)

// Dial makes a link to the node at an address, and returns it when it is in use. A
// zero id is any node. If there is a link to the node already, that one is returned and
// goes on as it was. It fails with the errors of [transport.Transport.Dial], and with
// [ErrClosed].
func (ps *Peers) Dial(ctx context.Context, addr string, id transport.PeerID) (*Peer, error) {
	ctx, cancel := context.WithTimeout(ctx, ps.config.DialTimeout)
	defer cancel()
	defer context.AfterFunc(ps.ctx, cancel)()
	p, err := ps.dial(ctx, addr, id)
	if err != nil && ps.ctx.Err() != nil {
		err = ErrClosed
	}
	ps.checkReached(addr, err)
	if errors.Is(err, transport.ErrVersion) {
		ps.warnOfVersion(addr, err)
	}
	if err != nil {
		return nil, fmt.Errorf("peers: dial %s: %w", addr, err)
	}
	return p, nil
}

// warnOfVersion says that a node speaks other versions of the protocol. The error says
// which node, what it and this one speak, and which of the two to upgrade. The node at
// the other end of the link writes the same into its log, when its transport refuses.
func (ps *Peers) warnOfVersion(addr string, err error) {
	if unsaid, say := ps.versions.Next(time.Now()); say {
		ps.log.Warn("node has no version of the protocol in common with this one",
			"addr", addr, "err", err, "unlogged", unsaid)
	}
}

func (ps *Peers) dial(ctx context.Context, addr string, id transport.PeerID) (*Peer, error) {
	if p := ps.Get(id); p != nil {
		return p, nil
	}
	link, err := ps.connect(ctx, addr, id)
	if err != nil {
		if p := ps.Get(id); p != nil {
			return p, nil
		}
		return nil, err
	}
	p, err := ps.add(link, addr)
	if err != nil {
		return nil, err
	}
	return ps.awaitDecision(ctx, p)
}

// connect dials, and gives up when the node itself makes a link meanwhile: of two that
// cross, one is for nothing.
func (ps *Peers) connect(ctx context.Context, addr string, id transport.PeerID) (transport.Link, error) {
	if id.IsZero() {
		return ps.config.Transport.Dial(ctx, addr, id)
	}
	ctx, stop := context.WithCancel(ctx)
	watch := sync.WaitGroup{}
	defer watch.Wait()
	defer stop()
	watch.Go(func() {
		if _, err := ps.Await(ctx, id); err == nil {
			stop()
		}
	})
	return ps.config.Transport.Dial(ctx, addr, id)
}

// awaitDecision returns a link that was dialled when it is in use, or the one that is
// used in its place.
func (ps *Peers) awaitDecision(ctx context.Context, p *Peer) (*Peer, error) {
	select {
	case <-p.used:
		return p, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.Context().Done():
	}
	cause := context.Cause(p.Context())
	if !isDuplicate(cause) {
		return nil, cause
	}
	// The decider may take a while to notice that its link is lost: more than the
	// time that it needs to say what it uses is not worth to wait.
	ctx, cancel := context.WithTimeout(ctx, crossing)
	defer cancel()
	return ps.Await(ctx, p.id)
}

func isDuplicate(err error) bool {
	closed, ok := errors.AsType[*transport.ClosedError](err)
	return ok && closed.Code == CodeDuplicate
}
