package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/project-iris/iris/cmd/internal/process"
)

// anchorServer is a server of a system that Iris is measured next to.
type anchorServer struct {
	*process.Process
	others func(context.Context) (int, error) // how many others it knows
}

// anchorStart starts the server with a number, from 0, which is told of the seeds that are
// there.
type anchorStart func(g *process.Group, number int) (*anchorServer, error)

// prepareAnchor makes what the servers of a network need.
type prepareAnchor func(dir string, servers int) (anchorStart, error)

var errEnded = errors.New("it should go on")

// measureAnchor measures a network, as iris bench network does.
func measureAnchor(prepare prepareAnchor) func(context.Context, string, int) (atRest, error) {
	return func(ctx context.Context, dir string, servers int) (atRest, error) {
		late := fmt.Errorf("%v are over", restDeadline)
		ctx, cancel := context.WithTimeoutCause(ctx, restDeadline, late)
		defer cancel()
		start, err := prepare(dir, servers)
		if err != nil {
			return atRest{}, err
		}
		g := process.NewGroup()
		defer g.Close()
		all, last, err := startAnchor(ctx, g, servers, start)
		if err != nil {
			return atRest{}, err
		}
		if err := awaitOthers(ctx, all, servers-1); err != nil {
			return atRest{}, err
		}
		met := time.Since(last).Seconds()
		process.Sleep(ctx, restSettle)
		var processes []*process.Process
		for _, s := range all {
			processes = append(processes, s.Process)
		}
		rest, err := process.Measure(ctx, processes, restIdle)
		if err != nil {
			return atRest{}, err
		}
		return atRest{met, *rest}, nil
	}
}

// startAnchor starts the servers. Those that were started last come first.
func startAnchor(ctx context.Context, g *process.Group, servers int, start anchorStart) (all []*anchorServer, last time.Time, err error) {
	err = process.Stagger(ctx, servers, restSpread, func(i int) error {
		last = time.Now()
		s, err := start(g, i)
		if err != nil {
			return err
		}
		all = append([]*anchorServer{s}, all...)
		if i < restSeeds {
			return awaitOthers(ctx, all[:1], 0)
		}
		return nil
	})
	return all, last, err
}

// awaitOthers returns when each server knows a number of others at least. One that does not
// answer is about to start.
func awaitOthers(ctx context.Context, servers []*anchorServer, wanted int) error {
	return process.AwaitEach(ctx, servers, func(s *anchorServer) (bool, string, error) {
		others, err := s.others(ctx)
		select {
		case <-s.Ended():
			return false, "", s.Failed(errEnded)
		default:
		}
		if err != nil {
			return false, err.Error(), nil
		}
		return others >= wanted, fmt.Sprintf("that it knows %d of %d others", others, wanted), nil
	})
}
