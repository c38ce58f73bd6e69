package overlay

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// Whoever is confirmed is reached by what is sent from then on, from any node, whether it
// has asked for the name before or not; and at rest that takes a few round trips.
func TestWhoIsConfirmedIsReached(t *testing.T) {
	for _, n := range []int{2, 3, 20} {
		t.Run(fmt.Sprintf("%d nodes", n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, n, mem.Path{Delay: 500 * time.Microsecond})
				senders := make([]*app, n)
				for i, o := range w.nodes {
					senders[i] = attach(t, o, "")
					senders[i].publish("known", "to nobody")
					senders[i].Broadcast([]byte("cluster"), []byte("to nobody"))
				}
				time.Sleep(2 * time.Second)
				for _, topic := range []string{"known", "new"} {
					began := time.Now()
					a := attach(t, w.nodes[n-1], "cluster")
					a.subscribe(topic)
					a.AwaitConfirmation(t.Context())
					if took := time.Since(began); took > 5*time.Millisecond {
						t.Errorf("it took %v", took)
					}
					for i, s := range senders {
						s.publish(topic, fmt.Sprint(i))
						s.Broadcast([]byte("cluster"), []byte("hello"))
					}
					time.Sleep(100 * time.Millisecond)
					a.mu.Lock()
					if len(a.seen) != 2*n {
						t.Errorf("%d of %d came: %q", len(a.seen), 2*n, a.seen)
					}
					a.mu.Unlock()
					a.Close()
					time.Sleep(100 * time.Millisecond)
				}
			})
		})
	}
}

// A node that has fallen silent costs those who attach half a second at most, which is
// counted, and soon nothing more.
func TestASilentNodeDelaysWhoAttaches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3, mem.Path{Delay: time.Millisecond})
		w.net.Partition([]transport.PeerID{w.ends[2].ID()}, []transport.PeerID{w.ends[0].ID(), w.ends[1].ID()})
		takes := func(name string) time.Duration {
			began := time.Now()
			attach(t, w.nodes[0], name).AwaitConfirmation(t.Context())
			return time.Since(began)
		}
		if took := takes("first"); took != 500*time.Millisecond {
			t.Errorf("the first waited %v, want %v", took, 500*time.Millisecond)
		}
		if n := w.nodes[0].Stats().Unconfirmed; n != 1 {
			t.Errorf("%d are counted, want 1", n)
		}
		time.Sleep(200 * time.Millisecond)
		if took := takes("second"); took > 10*time.Millisecond {
			t.Errorf("the second waited %v", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		attach(t, w.nodes[0], "third").AwaitConfirmation(ctx)
	})
}
