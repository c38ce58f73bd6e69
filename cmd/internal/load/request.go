package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// errOtherReply says that a reply is to another request.
var errOtherReply = errors.New("the reply does not belong to the request")

// requests is the workload Requests.
type requests struct {
	*run
	pace *pacer
	sent atomic.Int64

	mu   sync.Mutex
	seen ledger // by services
}

func newRequests(r *run) *requests {
	w := &requests{run: r, pace: newPacer(r, r.config.Rate)}
	for range r.config.Callers {
		r.meters = append(r.meters, newMeter())
	}
	return w
}

// service echoes.
func (w *requests) service(int) Service {
	return Service{Request: func(body []byte) []byte {
		if h, ok := parseHeader(body); ok && h.sender != probe {
			w.mu.Lock()
			w.seen.add(h.number)
			w.mu.Unlock()
		}
		return body
	}}
}

// prepare asks from each caller until it is answered: a service is found, and others are
// told of.
func (w *requests) prepare(ctx context.Context) error {
	body := make([]byte, w.config.Size)
	header{sender: probe}.put(body)
	for _, conn := range w.callers {
		for {
			_, err := conn.Request(ctx, w.name, body)
			if err == nil {
				break
			}
			if !pause(ctx, probeInterval) {
				return err
			}
		}
	}
	return nil
}

// start starts a goroutine for each request in flight.
func (w *requests) start(ctx context.Context, senders *sync.WaitGroup) {
	w.pace.start(ctx, senders)
	for i := range w.config.InFlight {
		at := i % len(w.callers)
		senders.Go(func() { w.ask(ctx, w.callers[at], w.meters[at]) })
	}
}

// ask asks until the end.
func (w *requests) ask(ctx context.Context, conn Conn, m *meter) {
	body := make([]byte, w.config.Size)
	for {
		next, ok := w.pace.next(ctx)
		if !ok {
			return
		}
		due := next.due
		if due == 0 {
			due = w.now()
		}
		w.sent.Add(1)
		if err := w.exchange(ctx, conn, body, header{number: next.number, due: due}); err != nil {
			w.failures.add(err)
			continue
		}
		m.done.Add(1)
		if w.timed(due) {
			m.record(w.now() - due)
		}
	}
}

// exchange sends a request and checks the reply.
func (w *requests) exchange(ctx context.Context, conn Conn, body []byte, h header) error {
	h.put(body)
	ctx, cancel := context.WithTimeout(ctx, w.config.Patience)
	defer cancel()
	reply, err := conn.Request(ctx, w.name, body)
	if err != nil {
		return err
	}
	if got, ok := parseHeader(reply); !ok || got != h || len(reply) != len(body) {
		return fmt.Errorf("%w: %d bytes, number %d, want %d, %d", errOtherReply, len(reply), got.number, len(body), h.number)
	}
	return nil
}

func (w *requests) finish(context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.result.Sent = w.sent.Load()
	w.result.Lost = w.result.Sent - total(w.meters)
	w.result.Duplicated = w.seen.duplicates
}
