package witness

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/project-iris/iris/relay/wire"
)

// tap is between applications and their node, and reads what passes.
type tap struct {
	ledger *Ledger
	node   string // its name
	socket string // of the node
	over   sync.WaitGroup
}

// serve accepts applications at a socket until the context ends.
func (t *tap) serve(ctx context.Context, at string) error {
	listener, err := net.Listen("unix", at)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = listener.Close() })
	t.over.Go(func() {
		defer stop()
		for {
			application, err := listener.Accept()
			if err != nil {
				return
			}
			t.over.Go(func() { t.join(ctx, application.(*net.UnixConn)) })
		}
	})
	return nil
}

// join joins an application to the node.
func (t *tap) join(ctx context.Context, application *net.UnixConn) {
	defer func() { _ = application.Close() }()
	conn, err := net.Dial("unix", t.socket)
	if err != nil {
		return
	}
	relay := conn.(*net.UnixConn)
	defer func() { _ = relay.Close() }()
	stop := context.AfterFunc(ctx, func() {
		_ = application.Close()
		_ = relay.Close()
	})
	defer stop()
	p := &tapped{ledger: t.ledger, node: t.node, open: make(map[uint64]wait)}
	t.ledger.watch(p, true)
	defer t.ledger.watch(p, false)
	var ways sync.WaitGroup
	ways.Go(func() { read(application, relay, wire.FromApplication, p.fromApplication) })
	ways.Go(func() { read(relay, application, wire.FromRelay, p.fromRelay) })
	ways.Wait()
}

// read passes on what one side sends, message by message, each after it was looked at: the
// other side may answer at once.
func read(from, to *net.UnixConn, side wire.Side, look func(wire.Message)) {
	r := wire.NewReader(from, side, wire.Limits{})
	var frame []byte
	for {
		m, err := r.Read()
		if err != nil {
			break
		}
		look(m)
		frame = m.Append(frame[:0])
		if _, err := to.Write(frame); err != nil {
			break
		}
	}
	_ = to.CloseWrite()
	_, _ = io.Copy(io.Discard, from) // the other way may go on
}

// tapped is a connection of an application to its node.
type tapped struct {
	ledger *Ledger // its lock guards what follows
	node   string
	open   map[uint64]wait // requests, and tunnels that are built
}

// Requests and tunnels that are built have ids of their own.
const building = 1 << 63

func (l *Ledger) watch(t *tapped, on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if on {
		l.waits[t] = true
	} else {
		delete(l.waits, t)
	}
}

func (t *tapped) fromApplication(m wire.Message) {
	now := time.Now()
	switch m := m.(type) {
	case *wire.Request:
		t.asks(m.ID, now, now.Add(time.Duration(m.Timeout)*time.Millisecond))
	case *wire.TunInit:
		t.asks(m.ID|building, now, now.Add(time.Duration(m.Timeout)*time.Millisecond))
	}
}

func (t *tapped) asks(id uint64, now, deadline time.Time) {
	t.ledger.mu.Lock()
	defer t.ledger.mu.Unlock()
	t.open[id] = wait{now, deadline}
}

func (t *tapped) fromRelay(m wire.Message) {
	now := time.Now()
	switch m := m.(type) {
	case *wire.Result:
		t.answered(m.ID, m.TimedOut, now)
	case *wire.TunResult:
		t.answered(m.ID|building, false, now) // any failure of it is told as a time-out
	}
}

func (t *tapped) answered(id uint64, timedOut bool, now time.Time) {
	l := t.ledger
	l.mu.Lock()
	defer l.mu.Unlock()
	w, known := t.open[id]
	deadline := w.deadline
	delete(t.open, id)
	l.hold(OneAnswer, known, func() string {
		return fmt.Sprintf("node %s answered %d at %s, which waits for none", t.node, id, l.at(now))
	})
	if !known {
		return
	}
	l.hold(InTime, !now.After(l.latest(t.node, w)), func() string {
		what := "request"
		switch {
		case id&building != 0:
			what = "tunnel"
		case timedOut:
			what = "request, by a time-out,"
		}
		return fmt.Sprintf("node %s answered a %s at %s, %v after the deadline", t.node, what, l.at(now), now.Sub(deadline).Round(time.Millisecond))
	})
	l.hold(SaysWhat, !timedOut || !now.Add(early).Before(deadline), func() string {
		return fmt.Sprintf("node %s gave a request up at %s, %v before its deadline", t.node, l.at(now), deadline.Sub(now))
	})
}

// overdue checks what has no answer. The lock is held.
func (t *tapped) overdue(now time.Time) {
	for id, w := range t.open {
		if l := t.ledger; now.After(l.latest(t.node, w)) {
			delete(t.open, id)
			l.hold(OneAnswer, false, func() string {
				return fmt.Sprintf("node %s has not answered %d by %s, %v after its deadline", t.node, id, l.at(now), now.Sub(w.deadline))
			})
		}
	}
}
