package node

import (
	"sync"
	"time"
)

// pulseTimeout is how long a part of a node may take to answer before it counts as stuck. Each
// answers in microseconds as a rule, and in milliseconds where there are very many names.
const pulseTimeout = 2 * time.Second

// pulse finds out whether the parts of a node still answer.
type pulse struct {
	parts []part

	mu   sync.Mutex
	beat *beat // under way; nil: none is
}

// part is something that has to answer.
type part struct {
	name   string
	answer func()
}

// beat is one round of questions, in a goroutine of its own. There is one at most, so that a
// node which is stuck does not gather them.
type beat struct {
	done chan struct{} // closed when all have answered

	mu sync.Mutex
	at string // the part that is asked
}

// stuck returns which part does not answer, empty if all do.
func (p *pulse) stuck() string {
	b := p.start()
	timer := time.NewTimer(pulseTimeout)
	defer timer.Stop()
	select {
	case <-b.done:
		return ""
	case <-timer.C:
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.at + " does not answer"
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
		part.answer()
	}
	p.mu.Lock()
	p.beat = nil
	p.mu.Unlock()
	close(b.done)
}

// newPulse returns the pulse of a node.
func (n *Node) newPulse() pulse {
	parts := []part{
		{"the relay", func() { n.relay.Applications() }},
		{"the list of names", func() { n.overlay.NameStats() }},
		{"the list of members of clusters", func() { n.overlay.Served() }},
	}
	if n.links != nil {
		parts = append(parts,
			part{"the directory", func() { n.overlay.DirectoryRefused() }},
			part{"the list of nodes", func() { n.overlay.Network().Others() }},
			part{"the links", func() { n.overlay.Network().Link(n.ID()) }},
		)
	}
	return pulse{parts: parts}
}
