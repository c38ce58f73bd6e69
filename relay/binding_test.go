package relay_test

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/project-iris/iris/relay/wire"
)

// binding drives an application's tunnels as existing bindings do: it sends a chunk
// only when its size is allowed, and grants only when its user has taken a whole
// message. It checks that what it gets is something that those bindings survive.
type binding struct {
	*application
	sends sync.Mutex

	mu   sync.Mutex
	ends map[uint64]*end
	over error // why reading ended
}

// end is a binding's end of a tunnel. The lock of its binding guards it.
type end struct {
	b       *binding
	id      uint64
	changed *sync.Cond

	allowance int64  // bytes that it may send
	granted   int64  // bytes that it was ever allowed
	message   []byte // what has come of the current message
	total     int
	partial   int      // bytes of messages that were given up
	inbox     [][]byte // whole messages
	closes    []string // reasons
}

// bind hands the reads of an application to a binding.
func bind(a *application) *binding {
	b := &binding{application: a, ends: make(map[uint64]*end)}
	go b.run()
	return b
}

// bindTunnel opens a tunnel between two applications, which both call it 1, and
// hands them to bindings that let bytes be under way.
func (n *node) bindTunnel(a, b *application, bytes uint64) (*end, *end) {
	n.openTunnel(a, 1, b, 1)
	ends := make([]*end, 0, 2)
	for _, app := range []*application{a, b} {
		binding := bind(app)
		e := binding.add(1)
		binding.post(allow(1, bytes))
		ends = append(ends, e)
	}
	return ends[0], ends[1]
}

func (b *binding) add(id uint64) *end {
	b.mu.Lock()
	defer b.mu.Unlock()
	e := &end{b: b, id: id, allowance: window, granted: window}
	e.changed = sync.NewCond(&b.mu)
	b.ends[id] = e
	return e
}

// post sends a frame, if the connection is still there.
func (b *binding) post(m wire.Message) bool {
	b.sends.Lock()
	defer b.sends.Unlock()
	_, err := b.conn.Write(m.Append(nil))
	return err == nil
}

func (b *binding) run() {
	for {
		m, err := b.reader.Read()
		if err != nil {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.over = err
			for _, e := range b.ends {
				e.changed.Broadcast()
			}
			return
		}
		b.handle(m)
	}
}

func (b *binding) handle(m wire.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch m := m.(type) {
	case *wire.TunAllow:
		e := b.live(m.ID, m)
		e.allowance += int64(m.Bytes)
		e.granted += int64(m.Bytes)
		e.changed.Broadcast()
	case *wire.TunTransfer:
		b.live(m.ID, m).take(m)
	case *wire.TunClosed:
		e := b.live(m.ID, m)
		e.closes = append(e.closes, string(m.Reason))
		e.changed.Broadcast()
	}
}

// live returns an end for which a frame has come, which must not be closed.
func (b *binding) live(id uint64, m wire.Message) *end {
	e := b.ends[id]
	if e == nil {
		b.t.Fatalf("binding got %s for a tunnel that it does not know", show(m))
	}
	if len(e.closes) > 0 {
		b.t.Errorf("binding got %s after TUN_CLOSE", show(m))
	}
	return e
}

func (e *end) take(m *wire.TunTransfer) {
	if len(m.Chunk) == 0 || len(m.Chunk) > chunkLimit {
		e.b.t.Errorf("binding got a chunk of %d bytes", len(m.Chunk))
	}
	if m.Total > 0 {
		e.partial += len(e.message)
		e.message, e.total = nil, int(m.Total)
	}
	e.message = append(e.message, m.Chunk...)
	if len(e.message) > e.total {
		e.b.t.Errorf("binding got %d bytes of a message of %d", len(e.message), e.total)
	}
	if len(e.message) == e.total {
		e.inbox = append(e.inbox, e.message)
		e.message, e.total = nil, 0
		e.changed.Broadcast()
	}
}

// send sends a message, chunk by chunk as it is allowed. It reports whether the
// tunnel took all of it.
func (e *end) send(message []byte) bool {
	total := uint64(len(message))
	for len(message) > 0 {
		chunk := message[:min(len(message), chunkLimit)]
		message = message[len(chunk):]
		if !e.spend(len(chunk)) || !e.b.post(&wire.TunTransfer{ID: e.id, Total: total, Chunk: chunk}) {
			return false
		}
		total = 0
	}
	return true
}

func (e *end) spend(n int) bool {
	e.b.mu.Lock()
	defer e.b.mu.Unlock()
	for e.allowance < int64(n) && len(e.closes) == 0 && e.b.over == nil {
		e.changed.Wait()
	}
	e.allowance -= int64(n)
	return len(e.closes) == 0 && e.b.over == nil
}

// receive returns the next whole message and grants its bytes; nil when the tunnel
// is closed.
func (e *end) receive() []byte {
	e.b.mu.Lock()
	for len(e.inbox) == 0 && len(e.closes) == 0 && e.b.over == nil {
		e.changed.Wait()
	}
	if len(e.inbox) == 0 {
		e.b.mu.Unlock()
		return nil
	}
	message := e.inbox[0]
	e.inbox = e.inbox[1:]
	e.b.mu.Unlock()
	e.b.post(allow(e.id, uint64(len(message))))
	return message
}

// expect receives messages and compares them.
func (e *end) expect(want ...[]byte) {
	e.b.t.Helper()
	for i, want := range want {
		if got := e.receive(); !bytes.Equal(got, want) {
			e.b.t.Fatalf("message %d: got %d bytes %.20x…, want %d bytes %.20x…", i, len(got), got, len(want), want)
		}
	}
}

// close closes the tunnel, as its user asks.
func (e *end) close() { e.b.post(&wire.TunClose{ID: e.id}) }

// expectClose waits for the close, after all messages were taken.
func (e *end) expectClose(t *testing.T, clean bool) {
	t.Helper()
	if m := e.receive(); m != nil {
		t.Errorf("a message of %d bytes before the close", len(m))
	}
	e.b.mu.Lock()
	defer e.b.mu.Unlock()
	if len(e.closes) != 1 || (e.closes[0] == "") != clean {
		t.Errorf("closes with the reasons %q, want one; clean: %v", e.closes, clean)
	}
}

func (e *end) sum() (granted int64) {
	e.b.mu.Lock()
	defer e.b.mu.Unlock()
	return e.granted
}

// messageOf returns reproducible bytes.
func messageOf(size int, seed byte) []byte {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}
