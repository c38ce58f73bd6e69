package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"github.com/project-iris/iris/relay/wire"
)

// Tunnel is an ordered, throttled stream of messages between this application and
// one member of a cluster. What is sent waits for the receiver to take what came
// before.
//
// There are two views of it. Send and Receive keep messages apart. Read and Write
// carry bytes and make no promise about boundaries. Both may be used on one tunnel:
// Write sends a message for every 64 KiB of its bytes, or fewer; Read returns the
// bytes of one message after the other; Receive after a Read returns what is left
// of the message that Read began, or else the next one.
//
// Anyone may call any method at any time. Sends do not mix: a message is sent whole
// before the next begins, and so are the bytes of a Write.
type Tunnel struct {
	conn *attachment
	id   uint64

	confirmed chan bool     // takes the node's answer to TUN_INIT: the tunnel is there
	sending   chan struct{} // holds one while somebody sends
	receiving chan struct{} // holds one while somebody receives, and guards reading
	allowed   chan struct{} // holds one when the allowance has changed
	arrived   chan struct{} // holds one when a message has arrived or a grant is due
	stopped   chan struct{} // closed when err is set
	gone      chan struct{} // closed when the node has nothing more to say about the tunnel

	reading reading

	mu        sync.Mutex
	chunk     int    // largest chunk to send, bytes; set when opened
	window    int    // bytes that the node may have sent and the application not taken; set when opened
	left      bool   // this side has closed, or has not waited for the confirmation
	opened    bool   // confirmed, by the node or to it
	allowance uint64 // bytes that may be sent
	assembly  assembly
	err       error // why nothing more is sent, and nothing received after what has arrived
	result    error // of Close; set before gone is closed
}

// maxChunk is the largest chunk that is sent, however large the node allows them to
// be: a larger one would hold up the frames of others.
const maxChunk = 64 << 10

// maxChunkLimit is what a chunk limit has to be below.
const maxChunkLimit = 1 << 31

func newTunnel(a *attachment, id uint64) *Tunnel {
	return &Tunnel{
		conn:      a,
		id:        id,
		confirmed: make(chan bool, 1),
		sending:   make(chan struct{}, 1),
		receiving: make(chan struct{}, 1),
		allowed:   make(chan struct{}, 1),
		arrived:   make(chan struct{}, 1),
		stopped:   make(chan struct{}),
		gone:      make(chan struct{}),
	}
}

// Tunnel opens a tunnel to one member of a cluster. The context bounds the opening
// only; its deadline travels along as that of [Conn.Request] does, and a cluster
// without members is waited for. Whoever opens a tunnel closes it.
//
// Errors: [ErrTimeout] if the node could not build the tunnel, whatever its reason;
// the context's, if it is cancelled; [ErrTooLarge] for the name; [ErrClosed].
func (c *Conn) Tunnel(ctx context.Context, cluster string) (*Tunnel, error) {
	t, err := c.openTunnel(ctx, cluster)
	if err != nil {
		return nil, fmt.Errorf("tunnel to %q: %w", cluster, err)
	}
	return t, nil
}

func (c *Conn) openTunnel(ctx context.Context, cluster string) (*Tunnel, error) {
	if ctx.Err() != nil {
		return nil, contextError(ctx)
	}
	if err := checkName(cluster); err != nil {
		return nil, err
	}
	a := c.current.Load()
	t, err := c.tunnels.add(a)
	if err != nil {
		return nil, err
	}
	m := wire.TunInit{ID: t.id, Cluster: []byte(cluster), Timeout: math.MaxInt64}
	b, err := a.begin(ctx, &a.out.Prompt, m.Size())
	if err != nil {
		c.tunnels.remove(t.id)
		return nil, err
	}
	m.Timeout = c.timeout(ctx)
	a.out.Commit(m.Append(b))
	return t, t.awaitOpen(ctx)
}

// awaitOpen waits for the confirmation and grants the first allowance.
func (t *Tunnel) awaitOpen(ctx context.Context) error {
	select {
	case there := <-t.confirmed:
		if !there {
			return ErrTimeout
		}
	case <-t.stopped:
		return t.failure()
	case <-ctx.Done():
		t.shut()
		return contextError(ctx)
	}
	if err := t.repay(ctx); err != nil {
		t.shut()
		return err
	}
	return nil
}

// open makes the tunnel ready for use. The first grant is at least a chunk, or the
// node could not send one. It is called once, with the lock held.
func (t *Tunnel) open(chunkLimit uint64) {
	t.opened = true
	t.chunk = min(int(chunkLimit), maxChunk)
	t.window = max(t.conn.config.TunnelWindow, int(chunkLimit))
	t.assembly.owed = t.window
	t.assembly.limit = t.conn.config.MaxMessage
}

// Close closes the tunnel. What was sent before arrives before the close; what has
// arrived and was not taken is dropped. Whoever sends or receives, in another
// goroutine, gets [ErrClosed].
//
// It waits for the node's confirmation, for Config.CloseTimeout at most, and returns
// nil after a clean close, from whichever side; [ErrTimeout] if there was no answer;
// a [*TunnelError] or [ErrClosed] if the tunnel or the connection broke instead.
// Further calls wait and return the same.
func (t *Tunnel) Close() error {
	t.shut()
	timer := time.NewTimer(t.conn.config.CloseTimeout)
	defer timer.Stop()
	select {
	case <-t.gone:
	case <-timer.C:
		return fmt.Errorf("close the tunnel: %w", ErrTimeout)
	}
	return t.result
}

// shut ends the tunnel from this side without waiting: nothing is sent after its
// TUN_CLOSE, which is sent exactly once. What has arrived is dropped. Until it is
// confirmed the tunnel cannot be closed; then the confirmation does it.
func (t *Tunnel) shut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.assembly.drop()
	t.left = true
	if t.err != nil {
		t.err = ErrClosed
		return
	}
	t.stop(ErrClosed)
	if t.opened {
		t.sendClose()
	}
}

// sendClose sends TUN_CLOSE, even if the queue is full: there is one for each
// tunnel, whose opening waited. The lock is held.
func (t *Tunnel) sendClose() {
	m := wire.TunClose{ID: t.id}
	t.conn.out.Order() // it goes behind the frame that has opened the tunnel
	if b, err := t.conn.out.Bulk.BeginOver(m.Size()); err == nil {
		t.conn.out.Commit(m.Append(b))
	}
}

// stop sets the error and wakes everybody. The lock is held.
func (t *Tunnel) stop(err error) {
	t.err = err
	close(t.stopped)
}

// leave is the last that the tunnel hears: the node's TUN_CLOSE, or the end of the
// connection. What has arrived can still be received; err follows it. It is called
// once.
func (t *Tunnel) leave(err, result error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err == nil {
		t.stop(err)
	}
	t.result = result
	close(t.gone)
}

// failure returns why the tunnel does not work.
func (t *Tunnel) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sendFailure()
}

// sendFailure is the error of a sender: for it, the clean end of the other side is a
// closed tunnel, too. The lock is held.
func (t *Tunnel) sendFailure() error {
	if errors.Is(t.err, io.EOF) {
		return fmt.Errorf("%w by the other side", ErrClosed)
	}
	return t.err
}

// acquire takes one of the tunnel's turns, to be given back by receiving from it.
func acquire(ctx context.Context, turn chan struct{}) error {
	select {
	case turn <- struct{}{}:
		return nil
	default:
	}
	select {
	case turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
}

// wake lets the one who waits on a channel that holds one look again.
func wake(signal chan struct{}) {
	select {
	case signal <- struct{}{}:
	default:
	}
}
