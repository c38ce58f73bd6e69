package forward

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/project-iris/iris/relay/client"
	"github.com/project-iris/iris/transport/backoff"
)

// Pauses before the next dial, after a member has refused: the first is long enough for
// the member to leave its cluster.
const (
	leastPause = 10 * time.Millisecond
	mostPause  = 500 * time.Millisecond
)

// dial opens a stream to a member of a cluster. As nothing is lost by that, it asks again when
// one refuses or is lost, until the time is over.
func dial(ctx context.Context, node *client.Conn, name string, source net.Addr, limit time.Duration) (*client.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tries := backoff.Backoff{Least: leastPause, Most: mostPause}
	var refusal error
	for {
		stream, err := node.DialFrom(ctx, name, source)
		switch {
		case err == nil:
			return stream, nil
		case node.Err() != nil:
			return nil, fmt.Errorf("%w: %w", ErrNodeGone, node.Err())
		case !refused(err):
			return nil, nobody(name, limit, err, refusal)
		}
		refusal = err
		select {
		case <-time.After(tries.Next()):
		case <-ctx.Done():
			return nil, nobody(name, limit, ctx.Err(), refusal)
		}
	}
}

// refused reports whether another member, or the same one later, may take what an error
// of a dial is about.
func refused(err error) bool {
	if _, ok := errors.AsType[*client.ResetError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*client.TunnelError](err); ok {
		return true
	}
	return errors.Is(err, client.ErrClosed)
}

// nobody says why there is no stream.
func nobody(name string, limit time.Duration, err, refusal error) error {
	switch {
	case !errors.Is(err, context.DeadlineExceeded):
		return err
	case refusal != nil:
		return fmt.Errorf("no member of cluster %q has taken the connection within %v: %w", name, limit, refusal)
	}
	return fmt.Errorf("no member of cluster %q was found within %v (does iris expose %s run, and does its target accept connections?): %w", name, limit, name, err)
}
