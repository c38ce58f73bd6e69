package main

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// fakeNode is a node that has to give way after a time, unless that is zero.
type fakeNode struct {
	contested chan struct{}
	busy      time.Duration // it takes so long to stop
	stopped   time.Time
}

func (n *fakeNode) DrainAsked() <-chan struct{} { return nil }

func (n *fakeNode) Contested() <-chan struct{} { return n.contested }

func (n *fakeNode) Shutdown(ctx context.Context) error {
	select {
	case <-time.After(n.busy):
	case <-ctx.Done():
	}
	n.stopped = time.Now()
	return ctx.Err()
}

// quiet is a service that says nothing and has no settings.
func quiet(limit time.Duration, start func() (server, error)) service {
	return service{log: slog.New(slog.DiscardHandler), limit: func() time.Duration { return limit }, start: start, notify: &notifier{}}
}

// A node whose id another one has gives way to a new one, in good order and at most once a
// minute, until the program is stopped.
func TestANodeThatIsContestedStartsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals := make(chan os.Signal, 2)
		p := &program{signals: signals}
		began := time.Now()
		var mu sync.Mutex
		var nodes []*fakeNode
		var starts []time.Duration
		done := make(chan error, 1)
		go func() {
			done <- p.serve(t.Context(), quiet(10*time.Second, func() (server, error) {
				mu.Lock()
				defer mu.Unlock()
				if n := len(nodes); n > 0 && nodes[n-1].stopped.IsZero() {
					t.Error("the next node starts before the last one has stopped")
				}
				n := &fakeNode{contested: make(chan struct{})}
				nodes, starts = append(nodes, n), append(starts, time.Since(began))
				return n, nil
			}))
		}()
		wait := func(want ...time.Duration) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if len(starts) != len(want) || starts[len(want)-1] != want[len(want)-1] {
				t.Fatalf("nodes start after %v, want %v", starts, want)
			}
		}
		wait(0)
		time.Sleep(time.Hour)
		wait(0)
		node := func(i int) *fakeNode {
			mu.Lock()
			defer mu.Unlock()
			return nodes[i]
		}
		close(node(0).contested) // it has lived for long
		wait(0, time.Hour)
		node(1).busy = time.Minute // more than it may take
		close(node(1).contested)   // at once again
		time.Sleep(time.Minute - time.Nanosecond)
		wait(0, time.Hour)
		time.Sleep(time.Nanosecond)
		wait(0, time.Hour)
		time.Sleep(10 * time.Second)
		wait(0, time.Hour, time.Hour+time.Minute+10*time.Second)
		close(node(2).contested)
		signals <- syscall.SIGTERM // while it waits for its minute
		synctest.Wait()
		if err := <-done; err != nil || node(2).stopped.IsZero() {
			t.Errorf("after a signal: %v", err)
		}
	})
}

func TestASignalStopsANodeThatGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals := make(chan os.Signal, 2)
		p := &program{signals: signals}
		n := &fakeNode{contested: make(chan struct{}), busy: time.Hour}
		done := make(chan error, 1)
		go func() {
			done <- p.serve(t.Context(), quiet(time.Minute, func() (server, error) { return n, nil }))
		}()
		close(n.contested)
		time.Sleep(renewEvery + time.Second)
		signals <- syscall.SIGTERM
		if err := <-done; err == nil || !strings.Contains(err.Error(), "at once") {
			t.Errorf("serve: %v", err)
		}
		time.Sleep(time.Hour) // the shutdown has ended
	})
}

// A signal ends a start that hangs, and what comes of it in the end is stopped too.
func TestASignalEndsAStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signals := make(chan os.Signal, 2)
		p := &program{signals: signals}
		hanging := make(chan struct{})
		node := &fakeNode{contested: make(chan struct{})}
		done := make(chan error, 1)
		go func() {
			done <- p.serve(t.Context(), quiet(10*time.Second, func() (server, error) {
				<-hanging
				return node, nil
			}))
		}()
		time.Sleep(time.Hour)
		signals <- syscall.SIGTERM
		synctest.Wait()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("it ended with %v", err)
			}
		default:
			t.Error("the start goes on")
		}
		close(hanging)
		synctest.Wait()
		if node.stopped.IsZero() {
			t.Error("the node that was late runs")
		}
		select { // for a start that went on
		case signals <- syscall.SIGTERM:
		default:
		}
		synctest.Wait()
	})
}
