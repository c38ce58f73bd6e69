package load

import (
	"context"
	"errors"
	"io"
	"sync"
)

// tunnels is the workload Tunnels.
type tunnels struct {
	*run
	paces []*pacer
	sent  []uint64 // by tunnel

	mu   sync.Mutex
	seen []ledger // by tunnel
}

func newTunnels(r *run) *tunnels {
	n := r.config.InFlight
	w := &tunnels{run: r, sent: make([]uint64, n), seen: make([]ledger, n)}
	for range n {
		w.paces = append(w.paces, newPacer(r, r.config.Rate/float64(n)))
	}
	for range r.config.Services {
		r.meters = append(r.meters, newMeter())
	}
	return w
}

func (w *tunnels) service(i int) Service {
	return Service{Tunnel: func(t Tunnel) { w.receive(t, w.meters[i]) }}
}

// receive takes what comes through a tunnel until its end.
func (w *tunnels) receive(t Tunnel, m *meter) {
	for {
		message, err := t.Receive(context.Background())
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			w.failures.add(err)
			return
		}
		h, ok := parseHeader(message)
		if !ok || int(h.sender) >= len(w.seen) {
			continue
		}
		w.mu.Lock()
		fresh := w.seen[h.sender].add(h.number)
		w.mu.Unlock()
		if !fresh {
			continue
		}
		m.done.Add(1)
		if w.timed(h.due) {
			m.record(w.now() - h.due)
		}
	}
}

// prepare opens a tunnel once, so that the way is known.
func (w *tunnels) prepare(ctx context.Context) error {
	for _, conn := range w.callers {
		t, err := conn.Tunnel(ctx, w.name)
		if err != nil {
			return err
		}
		if err := t.Close(); err != nil {
			return err
		}
	}
	return nil
}

func (w *tunnels) start(ctx context.Context, senders *sync.WaitGroup) {
	for i := range w.config.InFlight {
		w.paces[i].start(ctx, senders)
		senders.Go(func() {
			if err := w.flow(ctx, i); err != nil && ctx.Err() == nil {
				w.failures.add(err)
			}
		})
	}
}

// flow opens a tunnel and sends through it until the end.
func (w *tunnels) flow(ctx context.Context, i int) (err error) {
	t, err := w.callers[i%len(w.callers)].Tunnel(ctx, w.name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	message := make([]byte, w.config.Size)
	for {
		next, ok := w.paces[i].next(ctx)
		if !ok {
			return nil
		}
		n, due := next.number, next.due
		if due == 0 && n%timedEvery == 0 {
			due = w.now()
		}
		header{sender: uint32(i), number: n, due: due}.put(message)
		if err := t.Send(ctx, message); err != nil {
			return err
		}
		w.sent[i] = n + 1
	}
}

// finish waits until all that was sent has arrived.
func (w *tunnels) finish(ctx context.Context) {
	w.settle(ctx, w.arrived)
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.seen {
		w.result.Sent += int64(w.sent[i])
		w.result.Lost += int64(w.sent[i]) - w.seen[i].distinct
		w.result.Duplicated += w.seen[i].duplicates
		w.result.Reordered += w.seen[i].late
	}
}

// arrived is how many messages have arrived, and whether these are all.
func (w *tunnels) arrived() (n int64, all bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all = true
	for i := range w.seen {
		n += w.seen[i].distinct
		all = all && w.seen[i].distinct >= int64(w.sent[i])
	}
	return n, all
}
