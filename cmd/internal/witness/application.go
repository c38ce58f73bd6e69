package witness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/relay/client"
)

// Names of the network.
const (
	clusterWork   = "work"   // answers requests, takes broadcasts and tunnels
	clusterStream = "stream" // gives back what a stream brings
	clusterNobody = "nobody" // has no member
	topicNews     = "news"
)

// What comes of a request, a tunnel or a stream.
const (
	outcomeReply      = "reply"
	outcomeNotSent    = "not sent"
	outcomeMayHaveRun = "may have run"
	outcomeTimedOut   = "timed out"
	outcomeOverloaded = "fault " + client.FaultOverloaded
	outcomeStopping   = "fault node is stopping"
	kindTunnel        = "tunnel"
	kindStream        = "stream"
)

func outcomeOf(err error) string {
	fault, isFault := errors.AsType[*client.FaultError](err)
	_, reset := errors.AsType[*client.ResetError](err)
	_, broke := errors.AsType[*client.TunnelError](err)
	switch {
	case err == nil:
		return outcomeReply
	case isFault:
		return "fault " + fault.Text
	case errors.Is(err, client.ErrNotSent):
		return outcomeNotSent
	case errors.Is(err, client.ErrMayHaveRun):
		return outcomeMayHaveRun
	case reset || broke || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, client.ErrClosed) || errors.Is(err, io.EOF):
		return "cut off"
	case errors.Is(err, client.ErrTimeout) || errors.Is(err, os.ErrDeadlineExceeded):
		return outcomeTimedOut
	}
	return err.Error()
}

// Pace is how often an application does what.
type Pace struct {
	Request time.Duration // between two requests, and so on
	Message time.Duration // an event and a broadcast
	Tunnel  time.Duration // between the end of one and the next
	Stream  time.Duration
}

// Config says what an application uses.
type Config struct {
	Name   string // of the application; a word
	Node   string // the name of its node, by which the ledger knows its pauses
	Socket string // of the node
	Dir    string // for the tap's socket; others may use it too
	Pace   Pace
	// TwoConnections has it send messages over a connection of their own. Default: all goes over
	// one, on which a request must not wait behind an event.
	TwoConnections bool
}

// Application is a member of two clusters and a subscriber, and a client that uses all this.
type Application struct {
	config Config
	ledger *Ledger
	client *client.Conn // asks, and opens tunnels and streams
	teller *client.Conn // sends messages
	member *client.Conn
	turn   atomic.Int64 // how often the teller has lost its connection
	stop   context.CancelFunc
	over   sync.WaitGroup
	tap    tap
	asked  int           // of the goroutine that asks
	asks   chan struct{} // one for each request that may be under way
}

// most requests of an application are under way at a time.
const most = 64

// Start attaches an application to its node, which has to be ready. It goes on until Close.
func Start(ctx context.Context, l *Ledger, c Config) (*Application, error) {
	ctx, stop := context.WithCancel(ctx)
	a := &Application{config: c, ledger: l, stop: stop, asks: make(chan struct{}, most)}
	a.tap = tap{ledger: l, node: c.Node, socket: c.Socket}
	at := filepath.Join(c.Dir, c.Name+".tap")
	if err := a.tap.serve(ctx, at); err != nil {
		stop()
		return nil, err
	}
	if err := a.attach(ctx, at); err != nil {
		a.Close()
		return nil, fmt.Errorf("%s cannot attach to node %s: %w", c.Name, c.Node, err)
	}
	a.over.Go(func() { a.listen(ctx) })
	a.over.Go(func() { a.every(ctx, c.Pace.Request, a.ask) })
	a.over.Go(func() { a.every(ctx, c.Pace.Message, a.tell) })
	a.over.Go(func() { a.every(ctx, c.Pace.Tunnel, a.tunnel) })
	a.over.Go(func() { a.every(ctx, c.Pace.Stream, a.stream) })
	return a, nil
}

// Close detaches the application, in good order where its node lets it.
func (a *Application) Close() {
	a.ledger.forget(receiver{a.config.Name, clusterWork})
	a.ledger.forget(receiver{a.config.Name, topicNews})
	if a.member != nil {
		_ = a.member.Close()
	}
	for _, c := range []*client.Conn{a.client, a.teller} {
		if c != nil {
			_ = c.Close()
		}
	}
	a.stop()
	a.over.Wait()
	a.tap.over.Wait()
}

func (a *Application) attach(ctx context.Context, at string) (err error) {
	config := client.Config{Address: "unix:" + at, Reconnect: true, CloseTimeout: 3 * time.Second}
	sender := config
	sender.Lost = func(error) { a.turn.Add(1) }
	if a.teller, err = client.Connect(ctx, sender); err != nil {
		return err
	}
	if a.client = a.teller; a.config.TwoConnections {
		if a.client, err = client.Connect(ctx, config); err != nil {
			return err
		}
	}
	config.Lost = func(error) { a.here(time.Time{}) }
	config.Restored = func() { a.here(time.Now()) }
	service := client.Service{Request: a.answer, Broadcast: a.receiver(clusterWork), Tunnel: a.takeTunnel}
	if a.member, err = client.Register(ctx, clusterWork, service, config); err != nil {
		return err
	}
	if _, err = a.member.Subscribe(ctx, topicNews, a.receiver(topicNews)); err != nil {
		return err
	}
	a.here(time.Now())
	return nil
}

// here says since when this application gets messages.
func (a *Application) here(since time.Time) {
	a.ledger.present(receiver{a.config.Name, clusterWork}, since)
	a.ledger.present(receiver{a.config.Name, topicNews}, since)
}

// every does something again and again, with a pause in between; none: never.
func (a *Application) every(ctx context.Context, pause time.Duration, do func(context.Context)) {
	if pause <= 0 {
		return
	}
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			do(ctx)
		}
	}
}

func replyTo(n uint64) string { return fmt.Sprint("reply to ", n) }

// manner is how an application asks. It changes with each request.
type manner struct {
	cluster  string
	patience time.Duration
	never    bool // the member answers after the deadline
}

// Some have little patience, so that deadlines pass while nodes are away. Of twenty requests
// three time out in good order, too: nobody serves the cluster, or a member is too late.
func mannerOf(turn int) manner {
	m := manner{cluster: clusterWork, patience: 2 * time.Second}
	if turn%3 == 0 {
		m.patience = 300 * time.Millisecond
	}
	switch turn % 20 {
	case 4, 14:
		m.cluster = clusterNobody
	case 9:
		m.never, m.patience = true, 300*time.Millisecond
	}
	return m
}

func (m manner) timesOut() bool { return m.never || m.cluster == clusterNobody }

const (
	neverAnswered = "never " // begins the body of a request that is answered too late
	tooLate       = 2 * time.Second
)

func (a *Application) ask(ctx context.Context) {
	select {
	case a.asks <- struct{}{}:
	default:
		return // as many as there may be are under way
	}
	a.asked++
	m := mannerOf(a.asked)
	a.over.Go(func() {
		defer func() { <-a.asks }()
		now := time.Now()
		deadline := now.Add(m.patience)
		n := a.ledger.ask(a.config.Name, now, deadline, m.timesOut())
		body := strconv.FormatUint(n, 10)
		if m.never {
			body = neverAnswered + body
		}
		limited, cancel := context.WithDeadline(ctx, deadline)
		defer cancel()
		reply, err := a.client.Request(limited, m.cluster, []byte(body))
		if ctx.Err() == nil {
			a.ledger.answer(n, time.Now(), outcomeOf(err), string(reply))
		} else {
			a.ledger.answer(n, time.Now(), "given up", "")
		}
	})
}

func (a *Application) answer(ctx context.Context, body []byte) ([]byte, error) {
	number, never := strings.CutPrefix(string(body), neverAnswered)
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return nil, err
	}
	a.ledger.run(n)
	if never {
		<-ctx.Done() // the deadline
		time.Sleep(tooLate)
	}
	return []byte(replyTo(n)), nil
}

// tell publishes an event and broadcasts a message.
func (a *Application) tell(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	for name, send := range map[string]func(context.Context, string, []byte) error{topicNews: a.teller.Publish, clusterWork: a.teller.Broadcast} {
		turn := a.turn.Load()
		m := a.ledger.send(a.config.Name, name, time.Now())
		err := send(limited, name, fmt.Appendf(nil, "%s %d %d", a.config.Name, turn, m.number))
		if err == nil && a.turn.Load() == turn {
			a.ledger.sure(m)
		}
	}
}

// receiver is called with the messages of a name.
func (a *Application) receiver(name string) func([]byte) {
	to := receiver{a.config.Name, name}
	return func(body []byte) {
		var from string
		var turn int
		var number uint64
		if _, err := fmt.Sscan(string(body), &from, &turn, &number); err == nil {
			a.ledger.receive(from, turn, number, to)
		}
	}
}

// tunnel opens a tunnel, sends some messages and closes it.
func (a *Application) tunnel(ctx context.Context) {
	opened := time.Now()
	limited, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	t, err := a.client.Tunnel(limited, clusterWork)
	if err == nil {
		err = a.fill(limited, t)
	}
	if ctx.Err() == nil {
		a.ledger.end(kindTunnel, opened, err, true)
	}
}

const tunnelMessages = 30

func (a *Application) fill(ctx context.Context, t *client.Tunnel) error {
	id := a.ledger.open()
	var err error
	var sent, unsure uint64
	for sent < tunnelMessages {
		size := sent * sent * 97 // up to 80 KiB: more than a chunk
		message := append(fmt.Appendf(nil, "%d %d ", id, sent+1), make([]byte, size)...)
		if err = t.Send(ctx, message); err != nil {
			unsure++
			break
		}
		sent++
	}
	closed := t.Close()
	a.ledger.into(id, sent, unsure)
	if err == nil {
		err = closed
	}
	return err
}

// takeTunnel reads a tunnel to its end.
func (a *Application) takeTunnel(t *client.Tunnel) {
	var id uint64
	for {
		message, err := t.Receive(context.Background())
		if err != nil {
			if id != 0 {
				a.ledger.over(id, errors.Is(err, io.EOF))
			}
			return
		}
		var number uint64
		if _, err := fmt.Sscan(string(message[:min(len(message), 64)]), &id, &number); err == nil {
			a.ledger.out(id, number)
		}
	}
}

// listen gives back what streams bring.
func (a *Application) listen(ctx context.Context) {
	for ctx.Err() == nil {
		l, err := client.Listen(ctx, clusterStream, client.Config{Address: "unix:" + a.config.Socket, CloseTimeout: time.Second})
		if err != nil {
			a.rest(ctx)
			continue
		}
		stop := context.AfterFunc(ctx, func() { _ = l.Conn().Close() })
		for {
			c, err := l.Accept()
			if err != nil {
				break
			}
			a.over.Go(func() { giveBack(c.(*client.Stream)) })
		}
		stop()
		_ = l.Conn().Close()
	}
}

// rest waits for a node to come back.
func (a *Application) rest(ctx context.Context) {
	timer := time.NewTimer(200 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

func giveBack(s *client.Stream) {
	_ = s.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.Copy(s, s); err != nil {
		_ = s.Reset("the other side has not ended")
		return
	}
	_ = s.CloseWrite()
	_, _ = io.Copy(io.Discard, s)
	_ = s.Close()
}

const streamBytes = 200_000

// stream sends bytes and wants them back.
func (a *Application) stream(ctx context.Context) {
	opened := time.Now()
	limited, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	s, err := a.client.Dial(limited, clusterStream)
	whole := false
	if err == nil {
		_ = s.SetDeadline(opened.Add(openTime))
		whole, err = turnAround(s)
		_ = s.Close()
	}
	if ctx.Err() == nil {
		a.ledger.end(kindStream, opened, err, whole)
	}
}

func turnAround(s *client.Stream) (whole bool, err error) {
	text := strings.Repeat("what goes there comes back, ", streamBytes/28)
	var wrote sync.WaitGroup
	var writeErr error
	wrote.Go(func() {
		if _, writeErr = io.WriteString(s, text); writeErr == nil {
			writeErr = s.CloseWrite()
		}
	})
	back, err := io.ReadAll(s)
	wrote.Wait()
	if err == nil {
		err = writeErr
	}
	return string(back) == text, err
}
