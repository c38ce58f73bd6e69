package multicast

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// pendingLimit is how many bytes that are to be forwarded may wait for links, over all nodes.
const pendingLimit = 16 << 20

// pending is what waits for the link to a node that it is to be forwarded to: whoever reads
// what others send must not wait for one. What comes later for the same node waits behind it.
type pending struct {
	some atomic.Int32 // nodes that something waits for; to look takes no lock

	mu     sync.Mutex
	bytes  int
	frames map[transport.PeerID][]frame // an entry is there until all is sent
}

// frame is an encoded message.
type frame struct {
	bytes  []byte
	marker bool // which is no loss to anybody
}

// add queues a message for a node, if there is room, or fails. If begin is set the node has a
// new entry, which whoever called has to empty.
func (p *pending) add(to transport.PeerID, f *wire.Forwarded) (begin, ok bool) {
	size := f.Size()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bytes+size > pendingLimit {
		return false, false
	}
	frames, known := p.frames[to]
	if !known {
		if p.frames == nil {
			p.frames = make(map[transport.PeerID][]frame)
		}
		p.some.Add(1)
	}
	p.bytes += size
	p.frames[to] = append(frames, frame{f.Append(make([]byte, 0, size)), f.Kind == wire.KindMarker})
	return !known, true
}

// has reports whether something waits for a node.
func (p *pending) has(to transport.PeerID) bool {
	if p.some.Load() == 0 {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, waits := p.frames[to]
	return waits
}

// take returns what waits for a node, and ends its entry if that is nothing.
func (p *pending) take(to transport.PeerID) []frame {
	p.mu.Lock()
	defer p.mu.Unlock()
	frames := p.frames[to]
	if len(frames) == 0 {
		delete(p.frames, to)
		p.some.Add(-1)
		return nil
	}
	for _, f := range frames {
		p.bytes -= len(f.bytes)
	}
	p.frames[to] = nil
	return frames
}

// later has a message forwarded when there is a link to a node, and reports whether it can be.
func (m *Multicast) later(to transport.PeerID, f *wire.Forwarded) bool {
	begin, ok := m.pending.add(to, f)
	if begin && !m.start(func() { m.flush(to) }) {
		for len(m.pending.take(to)) > 0 { // until its entry ends
		}
		return false
	}
	return ok
}

// start starts a goroutine that Close waits for, and reports whether it did.
func (m *Multicast) start(f func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ctx.Err() != nil {
		return false
	}
	m.work.Go(f)
	return true
}

// flush forwards what waits for a node, as soon as there is a link to it, or drops it.
func (m *Multicast) flush(to transport.PeerID) {
	ctx, cancel := context.WithTimeout(m.ctx, LinkPatience)
	defer cancel()
	link, linked := m.host.Await(ctx, to)
	for {
		frames := m.pending.take(to)
		if len(frames) == 0 {
			return
		}
		for _, f := range frames {
			if sent := linked && forward(link, f.bytes); !sent && !f.marker {
				m.copiesDropped.Add(1)
			}
		}
	}
}

// forward sends an encoded message that is forwarded.
func forward(link Link, frame []byte) bool {
	l := link.ForwardLane()
	b, err := l.Begin(len(frame), Patience)
	if err != nil {
		return false
	}
	l.Commit(append(b, frame...))
	return true
}
