package client

import (
	"context"
	"sync"
)

// group owns goroutines. Other than a sync.WaitGroup it can be waited for with a
// limit, because some of its goroutines run the application's code.
type group struct {
	mu      sync.Mutex
	running int
	idle    chan struct{} // closed when running falls to 0; nil while nobody waits
}

// start runs f in a goroutine.
func (g *group) start(f func()) {
	g.mu.Lock()
	g.running++
	g.mu.Unlock()
	go func() {
		defer g.leave()
		f()
	}()
}

func (g *group) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running--
	if g.running == 0 && g.idle != nil {
		close(g.idle)
		g.idle = nil
	}
}

// wait returns 0 once no goroutine runs, or how many do when the context ends.
func (g *group) wait(ctx context.Context) int {
	g.mu.Lock()
	if g.running == 0 {
		g.mu.Unlock()
		return 0
	}
	if g.idle == nil {
		g.idle = make(chan struct{})
	}
	idle := g.idle
	g.mu.Unlock()
	select {
	case <-idle:
		return 0
	case <-ctx.Done():
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.running
	}
}
