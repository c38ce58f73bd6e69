package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"
)

// renewEvery is how long a node lives at least before it gives way to another one: a member
// that lies could have it start anew without end.
const renewEvery = time.Minute

// errUnfinished says that a node was stopped with work in hand.
var errUnfinished = errors.New("stopped with work unfinished")

// errStopped says that a signal has come before the node was there.
var errStopped = errors.New("stopped by a signal before the node was ready")

// unlessStopped returns what a function does, or [errStopped] when a signal comes before: what
// has to be done for a start may wait for others, a file system or a name server. What the
// function returns then is for late, if that has come to an end before the program.
func unlessStopped[T any](signals <-chan os.Signal, do func() (T, error), late func(T)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := do()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-signals:
	}
	go func() {
		if r := <-done; r.err == nil {
			late(r.value)
		}
	}()
	var nothing T
	return nothing, errStopped
}

// ended returns a context that has ended.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// A server is a node that runs.
type server interface {
	// Contested is closed when it has to give way to another one, which has a new id.
	Contested() <-chan struct{}
	// DrainAsked is closed when it was told to end in good order.
	DrainAsked() <-chan struct{}
	// Shutdown ends it, in good order while the context lasts.
	Shutdown(ctx context.Context) error
}

// A service is a node as serve runs it.
type service struct {
	log     *slog.Logger
	limit   func() time.Duration   // how long work in hand may take to finish
	start   func() (server, error) // starts the next node
	hangups <-chan os.Signal       // nil: there are none
	reload  func()                 // is called for each of these
	notify  *notifier              // nil: nobody is told
}

// serve runs a node until a signal comes, and ends it: in good order after the first
// signal, at once after the second, and before it is ready after the first. A node that has to
// give way is ended in good order as well, or at once by a signal, and start is called for the
// next.
func (p *program) serve(ctx context.Context, s service) error {
	log := s.log
	defer func() { s.notify.pause("stopped") }()
	for {
		n, err := unlessStopped(p.signals, s.start, func(n server) { _ = n.Shutdown(ended()) })
		if errors.Is(err, errStopped) {
			log.Info("stopped before the node was ready")
			return nil
		}
		if err != nil {
			return err
		}
		if w, ok := n.(watched); ok {
			s.notify.serving(w)
		}
		first, renew := p.await(ctx, s, n)
		limit := s.limit()
		if !renew {
			s.notify.stopping()
			log.Info("draining: stop again to end at once", "signal", first, "timeout", limit)
			if err := p.drain(ctx, n, limit); err != nil {
				return err
			}
			log.Info("stopped")
			return nil
		}
		s.notify.renewing()
		log.Info("draining: the node starts anew, with another id", "timeout", limit)
		if err := p.drain(ctx, n, limit); errors.Is(err, errUnfinished) {
			log.Warn("the node starts anew", "err", err)
		} else if err != nil {
			return err
		}
	}
}

// await waits for a signal or the word to drain, which it returns, or until the node has to give
// way. Meanwhile settings are reloaded when that is asked for.
func (p *program) await(ctx context.Context, s service, n server) (first string, renew bool) {
	least := time.NewTimer(renewEvery)
	defer least.Stop()
	contested, giveWay := n.Contested(), (<-chan time.Time)(nil)
	for {
		select {
		case signal := <-p.signals:
			return fmt.Sprint(signal), false
		case <-ctx.Done():
			return fmt.Sprint(nil), false
		case <-n.DrainAsked():
			return "drain", false
		case <-contested:
			contested, giveWay = nil, least.C
		case <-giveWay:
			return "", true
		case <-s.hangups:
			s.notify.reloading()
			s.reload()
			s.notify.reloaded()
		}
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
