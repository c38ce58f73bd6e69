package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// renewEvery is how long a node lives at least before it gives way to another one: a member
// that lies could have it start anew without end.
const renewEvery = time.Minute

// errUnfinished says that a node was stopped with work in hand.
var errUnfinished = errors.New("stopped with work unfinished")

// A server is a node that runs.
type server interface {
	// Contested is closed when it has to give way to another one, which has a new id.
	Contested() <-chan struct{}
	// DrainAsked is closed when it was told to end in good order.
	DrainAsked() <-chan struct{}
	// Shutdown ends it, in good order while the context lasts.
	Shutdown(ctx context.Context) error
}

// serve runs a node until a signal comes, and ends it: in good order after the first
// signal, at once after the second. A node that has to give way is ended in good order as
// well, or at once by a signal, and start is called for the next.
func (p *program) serve(ctx context.Context, log *slog.Logger, limit time.Duration, start func() (server, error)) error {
	for {
		n, err := start()
		if err != nil {
			return err
		}
		first, renew := p.await(ctx, n)
		if !renew {
			log.Info("draining: stop again to end at once", "signal", first, "limit", limit)
			if err := p.drain(ctx, n, limit); err != nil {
				return err
			}
			log.Info("stopped")
			return nil
		}
		log.Info("draining: the node starts anew, with another id", "limit", limit)
		if err := p.drain(ctx, n, limit); errors.Is(err, errUnfinished) {
			log.Warn("the node starts anew", "err", err)
		} else if err != nil {
			return err
		}
	}
}

// await waits for a signal or the word to drain, which it returns, or until the node has to give way.
func (p *program) await(ctx context.Context, n server) (first string, renew bool) {
	least := time.NewTimer(renewEvery)
	defer least.Stop()
	select {
	case signal := <-p.signals:
		return fmt.Sprint(signal), false
	case <-ctx.Done():
		return fmt.Sprint(nil), false
	case <-n.DrainAsked():
		return "drain", false
	case <-n.Contested():
	}
	select {
	case signal := <-p.signals:
		return fmt.Sprint(signal), false
	case <-ctx.Done():
		return fmt.Sprint(nil), false
	case <-n.DrainAsked():
		return "drain", false
	case <-least.C:
		return "", true
	}
}

// drain ends a node in good order, or at once when a signal comes.
func (p *program) drain(ctx context.Context, n server, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- n.Shutdown(ctx) }()
	select {
	case err := <-drained:
		if err != nil {
			return fmt.Errorf("%w after %v; allow more with -drain", errUnfinished, limit)
		}
		return nil
	case second := <-p.signals:
		return fmt.Errorf("stopped at once by a second signal (%v)", second)
	}
}
