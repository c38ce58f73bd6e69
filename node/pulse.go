package node

import (
	"context"
	"errors"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/project-iris/iris/relay"
)

const (
	// pulseTimeout is how long a part of a node may take to answer before it counts as stuck. Each
	// answers in microseconds as a rule, and in milliseconds where there are very many names.
	pulseTimeout = 2 * time.Second
	// probeTimeout is how long an attempt to attach goes on at most; who asks waits less, or as long.
	probeTimeout = 10 * time.Second
)

// pulse finds out whether the parts of a node still answer.
type pulse struct {
	parts []part

	mu   sync.Mutex
	beat *beat // under way; nil: none is
}

// part is something that has to answer.
type part struct {
	name   string
	answer func() error // what is wrong although it answers
}

// beat is one round of questions, in a goroutine of its own. There is one at most, so that a
// node which is stuck does not gather them.
type beat struct {
	done  chan struct{} // closed when all have answered
	wrong error         // what the first has said with which something is; valid then

	mu sync.Mutex
	at string // the part that is asked
}

// stuck returns which part does not answer within pulseTimeout, empty if all do.
func (p *pulse) stuck() string {
	ctx, cancel := context.WithTimeout(context.Background(), pulseTimeout)
	defer cancel()
	if err := p.alive(ctx); err != nil {
		return err.Error()
	}
	return ""
}

// alive returns what does not answer before the context ends, or says that something is wrong.
func (p *pulse) alive(ctx context.Context) error {
	b := p.start()
	select {
	case <-b.done:
		return b.wrong
	case <-ctx.Done():
		b.mu.Lock()
		defer b.mu.Unlock()
		return errors.New(b.at + " does not answer")
	}
}

// start begins a round of questions, unless one is under way.
func (p *pulse) start() *beat {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.beat == nil {
		p.beat = &beat{done: make(chan struct{})}
		go p.ask(p.beat)
	}
	return p.beat
}

func (p *pulse) ask(b *beat) {
	for _, part := range p.parts {
		b.mu.Lock()
		b.at = part.name
		b.mu.Unlock()
		if b.wrong = part.answer(); b.wrong != nil {
			break
		}
	}
	p.mu.Lock()
	p.beat = nil
	p.mu.Unlock()
	close(b.done)
}

// startPulse has the parts of the node looked after: all that a status is made of, and, for
// [Node.Alive], what applications meet besides.
func (n *Node) startPulse() {
	inner := func(name string, ask func()) part {
		return part{name, func() error { ask(); return nil }}
	}
	parts := []part{
		inner("the relay", func() { n.relay.Applications() }),
		inner("the list of names", func() { n.overlay.NameStats() }),
		inner("the list of members of clusters", func() { n.overlay.Served() }),
	}
	if n.links != nil {
		parts = append(
			parts,
			inner("the directory", func() { n.overlay.DirectoryRefused() }),
			inner("the list of nodes", func() { n.overlay.Network().Others() }),
			inner("the links", func() { n.overlay.Network().Link(n.ID()) }),
		)
	}
	n.pulse.parts = parts
	n.whole.parts = append(parts[:len(parts):len(parts)], part{"the port for applications", n.attachToItself})
}

var errDeafToApps = errors.New("applications cannot attach any more: nothing listens at their port")

// attachToItself attaches as an application does, by the way of the socket, the relay and the
// overlay. A node that is being stopped refuses applications, and is not stuck.
func (n *Node) attachToItself() error {
	if n.draining.Load() {
		return nil
	}
	if n.silent.Load() {
		return errDeafToApps
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	err := relay.Probe(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(n.port)))
	if n.draining.Load() {
		return nil
	}
	return err
}
