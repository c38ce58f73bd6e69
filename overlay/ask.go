package overlay

import (
	"context"
	"sync"
	"time"

	"github.com/project-iris/iris/overlay/ask"
	"github.com/project-iris/iris/overlay/peers"
	"github.com/project-iris/iris/overlay/remote"
	"github.com/project-iris/iris/transport"
)

const (
	// asksAtOnce is how many questions of other nodes are answered at a time, and asksPerSecond
	// how many on the average, after asksPerSecond at once, but for askLeaf. Others are reset.
	asksAtOnce    = 4
	asksPerSecond = 20

	// AskTime is how long all nodes that are asked together may take for that.
	AskTime = 2 * time.Second
	// askedAtOnce is how many of them are asked at a time.
	askedAtOnce = 32
)

// Ask asks another node a question, and returns its answer, of so many bytes at most. A link is
// made if there is none. It fails with the context, and with the errors of [ask.Ask].
func (o *Overlay) Ask(ctx context.Context, id transport.PeerID, question string, most int) ([]byte, error) {
	patience := time.Minute
	if deadline, ok := ctx.Deadline(); ok {
		patience = time.Until(deadline)
	}
	r, err := o.net.connect(ctx, id, patience)
	if err != nil {
		return nil, err
	}
	r.Hold()
	defer r.Release()
	s, err := r.Peer().Open(ctx, peers.KindAsk)
	if err != nil {
		return nil, err
	}
	return ask.Ask(ctx, s, question, most)
}

// AskAll asks other nodes a question, each as [Overlay.Ask] does. It hands each answer, or why there is
// none, to take, which several goroutines call, and returns when it has been called for all nodes: in
// [AskTime], or when the context ends.
func (o *Overlay) AskAll(ctx context.Context, nodes []transport.PeerID, question string, most int, take func(id transport.PeerID, answer []byte, err error)) {
	ctx, cancel := context.WithTimeout(ctx, AskTime)
	defer cancel()
	turns := make(chan struct{}, askedAtOnce)
	var asking sync.WaitGroup
	for _, id := range nodes {
		turns <- struct{}{} // to ask fails at once when the context has ended
		asking.Go(func() {
			defer func() { <-turns }()
			answer, err := o.Ask(ctx, id, question, most)
			take(id, answer, err)
		})
	}
	asking.Wait()
}

// answer answers a question of another node.
func (c *connection) answer(r *remote.Remote, s transport.Stream) {
	select {
	case c.asks <- struct{}{}:
		defer func() { <-c.asks }()
	default:
		c.overlay.counters.asksRefused.Add(1)
		return
	}
	r.Hold()
	defer r.Release()
	if err := ask.Answer(s, c.answerTo); err != nil {
		c.overlay.counters.asksRefused.Add(1)
	}
}
