package network

import (
	"context"
	"os"
	"time"

	"github.com/project-iris/iris/cmd/internal/process"
)

// lose measures how nodes are missed: one that is killed and one that falls silent, at rest,
// and one of each that has a request in hand.
func (r *run) lose(ctx context.Context) error {
	r.result.Log = r.tally.take()
	for _, way := range []struct {
		how    string
		signal os.Signal
	}{{Killed, os.Kill}, {Silenced, silence}} {
		if way.signal == nil {
			continue // the system has none
		}
		r.result.Losses = append(r.result.Losses, Loss{How: way.how})
		loss := &r.result.Losses[len(r.result.Losses)-1]
		for _, measure := range []func(context.Context, os.Signal, *Loss) error{r.loseAtRest, r.loseAtWork} {
			if err := r.replace(ctx); err != nil {
				return err
			}
			if err := measure(ctx, way.signal, loss); err != nil {
				return err
			}
			r.lost = true
		}
	}
	return nil
}

// victim is the node to lose: the last one, which nobody has been told to join.
func (r *run) victim() *oneNode { return r.nodes[len(r.nodes)-1] }

// replace ends a node that was lost, if there is one, and starts another one in its place.
func (r *run) replace(ctx context.Context) error {
	if !r.lost {
		return nil
	}
	r.lost = false
	last := len(r.nodes) - 1
	r.nodes[last].Kill()
	var join []string
	for _, seed := range r.nodes[:r.config.Seeds] {
		join = append(join, seed.peers()...)
	}
	n, err := r.startNode(last, join)
	if err != nil {
		return err
	}
	r.nodes[last] = n
	return r.awaitMet(ctx)
}

// loseAtRest measures when all others know a node to be dead.
func (r *run) loseAtRest(ctx context.Context, how os.Signal, loss *Loss) error {
	self, err := r.victim().members(ctx)
	if err != nil {
		return err
	}
	lost := time.Now()
	if err := r.victim().Signal(how); err != nil {
		return r.victim().Failed(err)
	}
	err = process.AwaitEach(ctx, r.nodes[:len(r.nodes)-1], func(n *oneNode) (bool, string, error) {
		known, err := n.knows(ctx, self.Self.ID)
		return !known, "that a lost node is a member", err
	})
	loss.Known = time.Since(lost).Seconds()
	return err
}
