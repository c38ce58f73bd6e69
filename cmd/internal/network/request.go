package network

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/project-iris/iris/relay/client"
)

// requestTimeout bounds attaching, and a request. closeTimeout is how long a farewell may
// take: a node that has ended gives none.
const (
	requestTimeout = 10 * time.Second
	closeTimeout   = time.Second
)

// requestBody is what a request has, as the load of iris bench has by default.
var requestBody = make([]byte, 128)

// ask measures requests from one node to another, for pairs that are drawn.
func (r *run) ask(ctx context.Context) error {
	var first, later []time.Duration
	for range r.config.Pairs {
		i := mathrand.IntN(len(r.nodes))
		k := (i + 1 + mathrand.IntN(len(r.nodes)-1)) % len(r.nodes)
		took, err := askAcross(ctx, r.nodes[i], r.nodes[k], 1+r.config.Requests)
		if err != nil {
			return fmt.Errorf("a request from node %d to node %d: %w", i, k, err)
		}
		first = append(first, took[0])
		later = append(later, took[1:]...)
	}
	r.result.Requests = &Requests{
		Pairs: r.config.Pairs, Each: r.config.Requests, First: percentiles(first), Later: percentiles(later),
	}
	return nil
}

// askAcross has an application of a node ask a new member on another one, one request after
// the other, and returns what they took.
func askAcross(ctx context.Context, from, to *oneNode, requests int) ([]time.Duration, error) {
	cluster := "bench-" + rand.Text()
	echo := func(_ context.Context, body []byte) ([]byte, error) { return body, nil }
	member, err := client.Register(ctx, cluster, client.Service{Request: echo}, to.attach())
	if err != nil {
		return nil, to.Failed(err)
	}
	defer member.Close()
	caller, err := client.Connect(ctx, from.attach())
	if err != nil {
		return nil, from.Failed(err)
	}
	defer caller.Close()
	var took []time.Duration
	for range requests {
		began := time.Now()
		if _, err := caller.Request(ctx, cluster, requestBody); err != nil {
			return nil, from.Failed(to.Failed(err))
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}
