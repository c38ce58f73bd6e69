package overlay

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport/mem"
)

// taking takes tunnels, after a while.
func taking(after time.Duration) func(*app) {
	return func(a *app) {
		a.take = func(_ context.Context, conn Stream) error {
			time.Sleep(after)
			a.mu.Lock()
			defer a.mu.Unlock()
			a.tunnels = append(a.tunnels, conn)
			return nil
		}
	}
}

// has returns how many tunnels an application has taken.
func (a *app) has() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.tunnels)
}

// Tunnels count as load of the node that has them, those too that it has not taken yet:
// many that are opened at once spread like some that are opened one after the other.
func TestTunnelsSpreadOverNodes(t *testing.T) {
	for name, atOnce := range map[string]int{"one after the other": 1, "at once": 20} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorldOf(t, 3, Config{}, mem.Path{Delay: time.Millisecond})
				caller := w.here("")
				services := []*app{w.there(0, "service", taking(50*time.Millisecond)), w.there(1, "service", taking(50*time.Millisecond))}
				w.pass()
				caller.open("service").Close() // the directory knows where they are
				w.pass()
				before := [2]int{services[0].has(), services[1].has()}
				var mu sync.Mutex
				var open []io.Closer
				var openers sync.WaitGroup
				for range atOnce {
					openers.Go(func() {
						for range 20 / atOnce {
							conn := caller.open("service")
							mu.Lock()
							open = append(open, conn)
							mu.Unlock()
						}
					})
				}
				openers.Wait()
				for i, s := range services {
					if n := s.has() - before[i]; n != 10 {
						t.Errorf("one of two nodes got %d of 20 tunnels, want 10", n)
					}
				}
				for _, conn := range open {
					conn.Close()
				}
				for _, s := range services {
					for _, conn := range s.tunnels {
						conn.Close()
					}
				}
				w.idle()
			})
		})
	}
}

// A tunnel that all members of one node refuse is offered to another node, within its
// deadline; when all refuse it fails before.
func TestARefusedTunnelGoesToAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOf(t, 3, Config{}, mem.Path{Delay: time.Millisecond})
		caller := w.here("")
		w.there(0, "service", refusing)
		good := w.there(1, "service", taking(0))
		w.there(0, "busy", refusing)
		w.there(1, "busy", refusing)
		w.pass()
		for range 10 {
			caller.open("service").Close()
		}
		if n := good.has(); n != 10 {
			t.Errorf("the one that takes tunnels has got %d of 10", n)
		}
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := caller.Tunnel(ctx, []byte("busy")); !errors.Is(err, ErrNoMember) || time.Since(began) > time.Second {
			t.Errorf("Tunnel = %v after %v", err, time.Since(began))
		}
		for _, conn := range good.tunnels {
			conn.Close()
		}
		w.idle()
	})
}
