package directory

import (
	"bytes"
	"slices"
	"testing"

	"github.com/project-iris/iris/overlay/wire"
)

// observer sees what happens in a world.
type observer interface {
	// stepped is told what a node does after a step, and what its counts were before.
	stepped(n *node, before Stats, actions []Action)
	// sends is told of each message, and says whether it gets lost.
	sends(from, to *node, m wire.Message) (lost bool)
	// misses is told of a message that was on its way when its receiver got out of reach.
	misses(from, to *node, m wire.Message)
}

// counts is what was sent.
type counts struct {
	messages, bytes int
}

func (c counts) minus(before counts) counts {
	return counts{c.messages - before.messages, c.bytes - before.bytes}
}

func (c counts) perNode(n int) float64      { return float64(c.messages) / float64(n) }
func (c counts) bytesPerNode(n int) float64 { return float64(c.bytes) / float64(n) }

// sent returns what all nodes have sent.
func (w *world) sent() (sum counts) {
	for _, n := range w.nodes {
		sum.messages += n.sent.messages
		sum.bytes += n.sent.bytes
	}
	return sum
}

// send puts a message on its way, as bytes.
func (n *node) send(s Send) {
	w := n.world
	frame := s.Message.Append(nil)
	n.sent.messages++
	n.sent.bytes += len(frame)
	to := w.byID[s.To]
	if w.observer != nil && w.observer.sends(n, to, s.Message) {
		return
	}
	for range 2 {
		if to == nil || to.dir == nil || w.random.Float64() < w.loss {
			return
		}
		w.after(w.delay(), func() {
			switch {
			case to.side == n.side && to.dir != nil:
				to.step(Received{n.id, w.codec.decode(w.t, frame)})
			case w.observer != nil:
				w.observer.misses(n, to, s.Message)
			}
		})
		if w.random.Float64() >= w.duplicate {
			return
		}
	}
}

// codec decodes frame after frame with one reader.
type codec struct {
	src    bytes.Buffer
	reader *wire.Reader
}

func (c *codec) decode(t testing.TB, frame []byte) wire.Message {
	if c.reader == nil {
		c.reader = wire.NewReader(&c.src, wire.Limits{})
	}
	c.src.Write(frame)
	m, err := c.reader.Read()
	if err != nil {
		t.Fatalf("%x: %v", frame, err)
	}
	if u, ok := m.(*wire.Update); ok { // outlives the next frame when a node pauses
		kept := *u
		kept.Registered, kept.Unregistered = slices.Clone(u.Registered), slices.Clone(u.Unregistered)
		kept.Watched, kept.Unwatched = slices.Clone(u.Watched), slices.Clone(u.Unwatched)
		return &kept
	}
	switch m := m.(type) {
	case *wire.Digest:
		kept := *m
		return &kept
	case *wire.Ack:
		kept := *m
		return &kept
	}
	return m
}
