package network

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/project-iris/iris/cmd/internal/process"
	"github.com/project-iris/iris/relay/client"
)

// What is asked of a worker: to say who it is, or to keep the request.
const (
	askName = "who"
	askHold = "hold"
)

// holdTimeout is when the caller of a request that is in hand gives up. retryPause is
// between requests that were not answered as they should be.
const (
	holdTimeout = time.Minute
	retryPause  = 10 * time.Millisecond
)

// worker is a member of a cluster that can keep requests in hand.
type worker struct {
	conn *client.Conn
	held chan struct{} // gets one for each request that is kept
	done chan struct{} // closed when it keeps none any more
}

// startWorker attaches a worker, which says its name, to a node.
func startWorker(ctx context.Context, n *oneNode, cluster string) (*worker, error) {
	w := &worker{held: make(chan struct{}, 1), done: make(chan struct{})}
	var err error
	w.conn, err = client.Register(ctx, cluster, client.Service{Request: func(_ context.Context, body []byte) ([]byte, error) {
		if string(body) == askHold {
			w.held <- struct{}{}
			<-w.done
		}
		return []byte(n.Name), nil
	}}, n.attach())
	if err != nil {
		return nil, n.Failed(err)
	}
	return w, nil
}

func (w *worker) close() {
	close(w.done)
	_ = w.conn.Close() // fails with its node
}

// loseAtWork measures what becomes of a request that is in hand on a node when that is lost,
// and when another member answers the next one.
func (r *run) loseAtWork(ctx context.Context, how os.Signal, loss *Loss) error {
	caller, other := r.nodes[0], r.nodes[1]
	cluster := "bench-" + rand.Text()
	conn, err := client.Connect(ctx, caller.attach())
	if err != nil {
		return caller.Failed(err)
	}
	var asking sync.WaitGroup
	defer asking.Wait() // once the connection is closed
	defer conn.Close()
	held, err := startWorker(ctx, r.victim(), cluster)
	if err != nil {
		return err
	}
	defer held.close()
	answer, err := hold(ctx, &asking, conn, cluster, held)
	if err != nil {
		return r.victim().Failed(err)
	}
	spare, err := startWorker(ctx, other, cluster)
	if err != nil {
		return err
	}
	defer spare.close()
	if err := awaitAnswer(ctx, conn, cluster, other); err != nil {
		return err
	}
	lost := time.Now()
	if err := r.victim().Signal(how); err != nil {
		return r.victim().Failed(err)
	}
	loss.Answer = <-answer
	loss.Answered = time.Since(lost).Seconds()
	err = awaitAnswer(ctx, conn, cluster, other)
	loss.Next = time.Since(lost).Seconds()
	return err
}

// hold sends a request that a worker keeps, and returns when it has it. The channel gets the
// answer.
func hold(ctx context.Context, asking *sync.WaitGroup, conn *client.Conn, cluster string, w *worker) (<-chan string, error) {
	answer := make(chan string, 1)
	asking.Go(func() { // ends with the answer, or with the connection
		ctx, cancel := context.WithTimeout(ctx, holdTimeout)
		defer cancel()
		_, err := conn.Request(ctx, cluster, []byte(askHold))
		answer <- describe(err)
	})
	select {
	case <-w.held:
		return answer, nil
	case got := <-answer:
		return nil, fmt.Errorf("a request to its member ended before that had it: %s", got)
	}
}

// describe says how a request was answered.
func describe(err error) string {
	fault := (*client.FaultError)(nil)
	switch {
	case err == nil:
		return "reply"
	case errors.As(err, &fault):
		return fault.Text
	}
	return err.Error()
}

// awaitAnswer asks a cluster until the member on a node answers.
func awaitAnswer(ctx context.Context, conn *client.Conn, cluster string, wanted *oneNode) error {
	says := "nothing"
	for {
		reply, err := conn.Request(ctx, cluster, []byte(askName))
		switch {
		case err == nil && string(reply) == wanted.Name:
			return nil
		case ctx.Err() != nil:
			return wanted.Failed(fmt.Errorf("its member is not asked (%w); the last answer was %s", context.Cause(ctx), says))
		case conn.Err() != nil:
			return wanted.Failed(fmt.Errorf("the caller of its member has lost its node: %w", conn.Err()))
		case err != nil:
			says = describe(err)
		default:
			says = "from " + string(reply)
		}
		process.Sleep(ctx, retryPause)
	}
}
