package load

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// fanout is the workloads Events and Broadcasts: each message of each caller goes to each
// service.
type fanout struct {
	*run
	senders   []*fanoutSender
	receivers []*fanoutReceiver
}

// fanoutSender is a caller. It sends while some service lacks less than the limit.
type fanoutSender struct {
	pace  *pacer
	sent  uint64
	moved chan struct{} // holds one when a service has got step more
	step  uint64
}

// fanoutReceiver is a service. Its functions are called by one goroutine.
type fanoutReceiver struct {
	workload *fanout
	meter    *meter
	from     []*fanoutStream
	probed   atomic.Uint64 // a bit for each caller, modulo 64, that has reached it
}

// fanoutStream is what a service has got from a caller.
type fanoutStream struct {
	next atomic.Uint64 // one more than the highest number
	seen ledger
}

func newFanout(r *run) *fanout {
	w := &fanout{run: r}
	callers := len(r.config.Callers)
	for range callers {
		w.senders = append(w.senders, &fanoutSender{
			pace:  newPacer(r, r.config.Rate/float64(callers)),
			moved: make(chan struct{}, 1),
			step:  uint64(max(1, r.config.InFlight/8)),
		})
	}
	for range r.config.Services {
		receiver := &fanoutReceiver{workload: w, meter: newMeter()}
		for range callers {
			receiver.from = append(receiver.from, &fanoutStream{})
		}
		w.receivers = append(w.receivers, receiver)
		r.meters = append(r.meters, receiver.meter)
	}
	return w
}

func (w *fanout) service(i int) Service { return Service{Broadcast: w.receivers[i].take} }

// take takes a message.
func (f *fanoutReceiver) take(message []byte) {
	w := f.workload
	h, ok := parseHeader(message)
	switch {
	case !ok:
		return
	case h.sender == probe:
		f.probed.Or(1 << (h.number % 64))
		return
	case int(h.sender) >= len(f.from):
		return
	}
	stream, sender := f.from[h.sender], w.senders[h.sender]
	before := stream.seen.next
	if !stream.seen.add(h.number) {
		return
	}
	f.meter.done.Add(1)
	stream.next.Store(stream.seen.next)
	if stream.seen.next/sender.step != before/sender.step {
		select {
		case sender.moved <- struct{}{}:
		default:
		}
	}
	if w.timed(h.due) {
		f.meter.record(w.now() - h.due)
	}
}

// prepare sends until each service has heard of each caller.
func (w *fanout) prepare(ctx context.Context) error {
	if w.config.Workload == Events {
		for i, conn := range w.services {
			if err := conn.Subscribe(ctx, w.name, w.receivers[i].take); err != nil {
				return err
			}
		}
	}
	message := make([]byte, w.config.Size)
	for i := range w.callers {
		header{sender: probe, number: uint64(i)}.put(message)
		for !w.reachedAll(i) {
			if err := w.send(ctx, i, message); err != nil {
				return err
			}
			if !pause(ctx, probeInterval) {
				return ctx.Err()
			}
		}
	}
	return nil
}

func (w *fanout) reachedAll(caller int) bool {
	for _, f := range w.receivers {
		if f.probed.Load()&(1<<(caller%64)) == 0 {
			return false
		}
	}
	return true
}

func (w *fanout) send(ctx context.Context, caller int, message []byte) error {
	if w.config.Workload == Events {
		return w.callers[caller].Publish(ctx, w.name, message)
	}
	return w.callers[caller].Broadcast(ctx, w.name, message)
}

func (w *fanout) start(ctx context.Context, senders *sync.WaitGroup) {
	for i := range w.callers {
		w.senders[i].pace.start(ctx, senders)
		senders.Go(func() { w.flow(ctx, i) })
	}
}

// flow sends the messages of a caller until the end, or until nothing moves.
func (w *fanout) flow(ctx context.Context, caller int) {
	s := w.senders[caller]
	message := make([]byte, w.config.Size)
	limit := uint64(w.config.InFlight)
	for reached := uint64(0); ; {
		next, ok := s.pace.next(ctx)
		if !ok {
			return
		}
		n, due := next.number, next.due
		if n-reached >= limit {
			if reached, ok = w.await(ctx, caller, n+1-limit); !ok {
				return
			}
		}
		if due == 0 && n%timedEvery == 0 {
			due = w.now()
		}
		header{sender: uint32(caller), number: n, due: due}.put(message)
		if err := w.send(ctx, caller, message); err != nil {
			w.failures.add(err)
			return
		}
		s.sent = n + 1
	}
}

// await waits until all services have got the first n messages of a caller, and returns
// how many they have; or false when nothing has moved for as long as the run is patient.
func (w *fanout) await(ctx context.Context, caller int, n uint64) (uint64, bool) {
	patience := time.NewTimer(w.config.Patience)
	defer patience.Stop()
	for before := uint64(0); ; {
		got := w.got(caller)
		if got >= n {
			return got, true
		}
		if got > before {
			before = got
			patience.Reset(w.config.Patience)
		}
		select {
		case <-w.senders[caller].moved:
		case <-patience.C:
			return got, false
		case <-ctx.Done():
			return got, false
		}
	}
}

// got is how many messages of a caller all services have got.
func (w *fanout) got(caller int) uint64 {
	least := ^uint64(0)
	for _, f := range w.receivers {
		least = min(least, f.from[caller].next.Load())
	}
	return least
}

// finish waits for the last messages, and closes the services, so that nobody uses their
// ledgers when they are read.
func (w *fanout) finish(ctx context.Context) {
	w.settle(ctx, w.arrived)
	for _, conn := range w.services {
		_ = conn.Close()
	}
	for caller, s := range w.senders {
		w.result.Sent += int64(s.sent)
		for _, f := range w.receivers {
			seen := &f.from[caller].seen
			w.result.Lost += int64(s.sent) - seen.distinct
			w.result.Duplicated += seen.duplicates
			w.result.Reordered += seen.late
		}
	}
}

// arrived is how many messages have arrived, and whether these are all.
func (w *fanout) arrived() (n int64, all bool) {
	all = true
	for caller, s := range w.senders {
		all = all && w.got(caller) >= s.sent
	}
	return total(w.meters), all
}
