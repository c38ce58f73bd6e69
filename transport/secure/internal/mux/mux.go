package mux

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/project-iris/iris/transport"
)

// The defaults of Config.
const (
	DefaultKeepAlive    = 2 * time.Second
	DefaultLinger       = time.Second
	DefaultMaxWindow    = 4 << 20
	DefaultWindowBudget = 16 << 20
)

const (
	// missedKeepAlives is after how many intervals without a byte the peer counts as dead.
	missedKeepAlives = 3
	// stuckTimeout is for how long the peer may take nothing of what is written, at most.
	stuckTimeout = missedKeepAlives * DefaultKeepAlive
)

// ErrStreamsExhausted is a connection on which 2^31 streams were opened by one
// side. It stays good for the streams that it has.
var ErrStreamsExhausted = errors.New("mux: no stream ids left")

// Config says how to run a connection. The zero value is good for the side
// that accepted.
type Config struct {
	// Dialer says that this side dialled.
	Dialer bool

	// Addr is the other end, for errors.
	Addr string

	// Direct says that the connection is a [TryConn]: what is written while the connection is
	// quiet then needs no other goroutine, and who writes it never waits for the peer.
	Direct bool

	// KeepAlive is how often to ping. A peer that sent nothing for three
	// intervals counts as dead: it is noticed within four. So does one that
	// takes nothing for three, or for six seconds.
	KeepAlive time.Duration

	// Linger bounds how long Close waits for the peer to have been told why.
	Linger time.Duration

	// MaxWindow bounds what a stream may have on the way to this side, in bytes.
	MaxWindow int

	// WindowBudget is shared by all streams whose windows are larger than 64
	// KiB, in bytes: a connection makes this side hold at most 1,025 times 64
	// KiB, and this.
	WindowBudget int
}

// A TryConn is a connection that can take bytes without a wait.
type TryConn interface {
	// TryWrite takes all of b, writes what can be written at once, and reports whether
	// something is left, which Flush writes.
	TryWrite(b []byte) (left bool, err error)
	Flush() error
}

func (c Config) withDefaults() Config {
	if c.KeepAlive == 0 {
		c.KeepAlive = DefaultKeepAlive
	}
	if c.Linger == 0 {
		c.Linger = DefaultLinger
	}
	if c.MaxWindow == 0 {
		c.MaxWindow = DefaultMaxWindow
	}
	if c.WindowBudget == 0 {
		c.WindowBudget = DefaultWindowBudget
	}
	return c
}

// A Mux is a connection with streams. Its methods may be called by any
// goroutine at any time. Two goroutines work for it until it has ended: one
// reads, one writes.
type Mux struct {
	conn     net.Conn
	try      TryConn // conn, if it is one; else nil
	config   Config
	ctx      context.Context
	cancel   context.CancelCauseFunc
	work     chan struct{} // notifies the writer
	received chan struct{} // closed when the reader has ended
	finished chan struct{} // closed when the writer has ended too, and the connection is closed
	alive    atomic.Bool   // something was received since the last look

	// acceptable and receivable notify those who accept and receive.
	acceptable, receivable chan struct{}

	// sending is held by who writes to the connection: the writer or, where nothing has to be
	// waited for, another goroutine. It comes before mu.
	sending sync.Mutex
	wrote   time.Time // when the last write ended

	mu sync.Mutex // guards everything below, and the streams

	err      error                  // why it has ended; nil while it lives
	farewell *transport.ClosedError // what the peer is still to be told; nil for nothing

	streams map[uint32]*Stream // by id, those that have not ended

	// Streams of this side.
	nextID      uint32
	opened      uint32 // by Open, with or without an id yet
	openLimit   uint32 // what the peer allows
	openWaiting waitQueue

	// Streams of the peer.
	nextPeerID  uint32
	peerLimit   uint32 // what the peer was told
	peerEnded   uint32 // since it was told
	accepting   []*Stream
	windowsLeft int // of the budget

	outgoing
	datagrams

	pinged       time.Time // when the ping on the way was sent; zero for none
	pingID       uint32
	rtt          time.Duration
	accepted     uint64 // streams
	openedByUser uint64 // streams
}

// New starts a connection over conn, which must honour deadlines and belongs
// to the Mux from now on.
func New(conn net.Conn, config Config) *Mux {
	m := &Mux{
		conn:       conn,
		config:     config.withDefaults(),
		work:       make(chan struct{}, 1),
		received:   make(chan struct{}),
		finished:   make(chan struct{}),
		acceptable: make(chan struct{}, 1),
		receivable: make(chan struct{}, 1),
		streams:    map[uint32]*Stream{},
		nextID:     2,
		nextPeerID: 1,
		openLimit:  initialStreams,
		peerLimit:  initialStreams,
	}
	if config.Direct {
		m.try, _ = conn.(TryConn)
	}
	if config.Dialer {
		m.nextID, m.nextPeerID = 1, 2
	}
	m.windowsLeft = m.config.WindowBudget
	m.ctx, m.cancel = context.WithCancelCause(context.Background())
	go m.receiveLoop()
	go m.sendLoop()
	return m
}

// Context ends with the connection; its cause is why.
func (m *Mux) Context() context.Context { return m.ctx }

// Close ends the connection as transport.Link says.
func (m *Mux) Close(cause error) error {
	farewell := transport.FarewellOf(cause)
	m.fail(transport.ClosedByUs(cause), &farewell)
	<-m.finished
	return nil
}

// fail ends the connection, if it has not ended, for a cause. A farewell is
// sent to the peer if there is one.
func (m *Mux) fail(cause error, farewell *transport.ClosedError) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return
	}
	m.err, m.farewell = cause, farewell
	m.cancel(cause)
	limit := time.Unix(1, 0)
	if farewell != nil {
		limit = time.Now().Add(m.config.Linger)
	}
	_ = m.conn.SetDeadline(limit)
}

// Open returns a new stream as transport.Link says.
func (m *Mux) Open(ctx context.Context) (*Stream, error) {
	stream, err := m.open(ctx)
	if err == nil {
		m.mu.Lock()
		m.openedByUser++
		m.mu.Unlock()
	}
	return stream, err
}

// OpenFirst opens a stream that the statistics do not count.
func (m *Mux) OpenFirst(ctx context.Context) (*Stream, error) { return m.open(ctx) }

func (m *Mux) open(ctx context.Context) (*Stream, error) {
	for mine := false; ; mine = true {
		stream, turn, err := m.tryOpen(mine)
		if stream != nil || err != nil {
			return stream, err
		}
		select {
		case <-turn:
		case <-m.ctx.Done():
		case <-ctx.Done():
			m.mu.Lock()
			m.openWaiting.leave(turn)
			m.mu.Unlock()
			return nil, ctx.Err()
		}
	}
}

// tryOpen returns a stream, or a turn to wait for. Those who come wait behind
// those who wait, unless it is their turn.
func (m *Mux) tryOpen(mine bool) (*Stream, chan struct{}, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil, nil, m.err
	}
	if m.opened >= 1<<31-1 {
		return nil, nil, ErrStreamsExhausted
	}
	if m.opened >= m.openLimit || !mine && len(m.openWaiting) > 0 {
		return nil, m.openWaiting.join(), nil
	}
	m.opened++
	if m.opened < m.openLimit {
		m.openWaiting.wake()
	}
	return newStream(m, 0), nil, nil
}

// Accept waits for a stream of the peer as transport.Link says.
func (m *Mux) Accept(ctx context.Context) (*Stream, error) {
	stream, err := m.AcceptFirst(ctx)
	if err == nil {
		m.mu.Lock()
		m.accepted++
		m.mu.Unlock()
	}
	return stream, err
}

// AcceptFirst accepts a stream that the statistics do not count.
func (m *Mux) AcceptFirst(ctx context.Context) (*Stream, error) {
	for {
		if stream, err := m.tryAccept(); stream != nil || err != nil {
			return stream, err
		}
		select {
		case <-m.acceptable:
		case <-m.ctx.Done():
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// tryAccept returns the next stream if there is one. Only now can a stream
// that has ended make room for another, or a peer could open and reset streams
// without end while nobody accepts.
func (m *Mux) tryAccept() (*Stream, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return nil, m.err
	}
	if len(m.accepting) == 0 {
		return nil, nil
	}
	stream := m.accepting[0]
	m.accepting[0] = nil
	m.accepting = m.accepting[1:]
	if len(m.accepting) > 0 {
		notify(m.acceptable)
	}
	stream.accepted = true
	if stream.released {
		m.makeRoom()
	}
	return stream, nil
}

// makeRoom lets the peer open another stream.
func (m *Mux) makeRoom() {
	m.peerEnded++
	notify(m.work)
}

// Stats returns what the connection itself knows; its bytes are the caller's to
// count.
func (m *Mux) Stats() transport.Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return transport.Stats{
		RTT:           m.rtt,
		DatagramsSent: m.datagramsSent, DatagramsReceived: m.datagramsReceived, DatagramsDropped: m.datagramsDropped,
		StreamsOpened: m.openedByUser, StreamsAccepted: m.accepted,
	}
}
