package multicast

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
)

// Whoever holds a marker back holds up a sender for Patience, and then no more.
func TestPatienceBoundsTheWaitForAMarker(t *testing.T) {
	inNetwork(t, 40, func(w *network) {
		p := w.publisher(1)
		w.hold(forwarder, leaf)
		p.publish("1")
		w.flow()
		p.route.Move(but(forwarder))
		if took := p.took("2"); took != Patience {
			t.Errorf("sending takes %v, want %v", took, Patience)
		}
		if took := p.took("3"); took != 0 {
			t.Errorf("sending takes %v after that", took)
		}
		if n := len(w.nodes[0].markers.open); n != 0 {
			t.Errorf("%d markers are remembered", n)
		}
		w.flow()
		w.release(forwarder, leaf)
		w.flow()
		w.nodes[leaf].wantGot("2", "3")
		w.wantStats(Stats{CopiesLate: 1})
	})
}

// It does so for a sender during whose wait the route moves again.
func TestPatienceBoundsTheWaitForARouteThatMoves(t *testing.T) {
	inNetwork(t, 40, func(w *network) {
		p := w.publisher(1)
		w.hold(forwarder, leaf)
		w.hold(another, second)
		p.publish("1")
		w.flow()
		p.route.Move(but(forwarder))
		begin := time.Now()
		following := p.start("2")
		time.Sleep(Patience / 2)
		p.route.Move(but(forwarder, another))
		<-following
		if took := time.Since(begin); took != Patience {
			t.Errorf("sending takes %v, want %v", took, Patience)
		}
	})
}

// The time runs from the move, however many there have been.
func TestPatienceDoesNotAddUp(t *testing.T) {
	inNetwork(t, 40, func(w *network) {
		p := w.publisher(1)
		var gone []int
		for i := range 5 {
			gone = append(gone, forwarder+i)
			w.hold(forwarder+i, leaf+i)
		}
		p.publish("1")
		w.flow()
		for i := range gone {
			p.route.Move(but(gone[:i+1]...))
		}
		if took := p.took("2"); took != Patience {
			t.Errorf("sending takes %v, want %v", took, Patience)
		}
		if took := p.took("3"); took != 0 {
			t.Errorf("sending takes %v after that", took)
		}
	})
}

// The link is lost while a marker is under way on it.
func TestALostLinkEndsTheWaitForAMarker(t *testing.T) {
	inNetwork(t, 40, func(w *network) {
		p := w.publisher(1)
		w.hold(forwarder, leaf)
		p.publish("1")
		w.flow()
		p.route.Move(but(forwarder))
		following := p.start("2")
		w.flow()
		if isDone(following) {
			t.Error("sent, and the marker has not passed")
		}
		begin := time.Now()
		w.lose(0, forwarder)
		<-following
		if took := time.Since(begin); took != 0 {
			t.Errorf("that the link is lost ends the wait after %v", took)
		}
	})
}

// A marker has passed when all leaves have said so, and nobody else can for them.
func TestEachLeafAnswersForItself(t *testing.T) {
	inNetwork(t, 40, func(w *network) {
		p := w.publisher(1)
		w.hold(forwarder, leaf)
		p.publish("1")
		w.flow()
		p.route.Move(but(forwarder))
		following := p.start("2")
		w.flow()
		for token := range uint64(testLanes + 2) {
			w.nodes[0].MarkerPassed(node(nobodys), &wire.MarkerPassed{Token: token})
		}
		if isDone(following) {
			t.Error("the word of another node has ended the wait")
		}
		for token := range uint64(testLanes + 1) {
			w.nodes[0].MarkerPassed(node(leaf), &wire.MarkerPassed{Token: token})
			w.nodes[0].MarkerPassed(node(leaf), &wire.MarkerPassed{Token: token}) // to say it twice is fine
		}
		if !isDone(following) {
			t.Error("the leaf's word has not ended the wait")
		}
		if n := len(w.nodes[0].markers.open); n != 0 {
			t.Errorf("%d markers are remembered", n)
		}
	})
}

// Close ends the waits for markers, of senders as well, and later moves begin none.
func TestCloseEndsWaits(t *testing.T) {
	inNetwork(t, 40, func(w *network) {
		p := w.publisher(1)
		w.hold(forwarder, leaf)
		p.publish("1")
		w.flow()
		p.route.Move(but(forwarder))
		following := p.start("2")
		if isDone(following) {
			t.Error("sent, and the marker has not passed")
		}
		begin := time.Now()
		w.nodes[0].Close()
		<-following
		p.route.Move(but(forwarder, another))
		p.publish("3")
		if took := time.Since(begin); took != 0 {
			t.Errorf("took %v", took)
		}
	})
}

// Routes may move while all is closed: no wait begins that Close does not wait for. What
// is wrong with that is for the race detector to see.
func TestRoutesMoveWhileAllIsClosed(t *testing.T) {
	for range 300 {
		m := New(silent{}, testLanes)
		route := m.Route(nodes(0, 40))
		moving := make(chan struct{})
		go func() {
			defer close(moving)
			for i := range 3 {
				route.Move(nodes(i+1, 40))
			}
		}()
		runtime.Gosched() // moves come first, or at the same time
		m.Close()
		<-moving
	}
}

// silent is a host from which nothing comes back.
type silent struct{}

func (silent) Reachable(transport.PeerID) bool                      { return true }
func (silent) Want(transport.PeerID)                                {}
func (silent) Ended() bool                                          { return false }
func (silent) Await(context.Context, transport.PeerID) (Link, bool) { return silent{}, true }
func (silent) Link(transport.PeerID) (Link, bool)                   { return silent{}, true }
func (silent) Deliver(wire.Kind, []byte, []byte)                    {}
func (silent) Lane(uint64) Lane                                     { return silent{} }
func (silent) ForwardLane() Lane                                    { return silent{} }
func (silent) Context() context.Context                             { return context.Background() }
func (silent) Begin(int, time.Duration) ([]byte, error)             { return nil, nil }
func (silent) BeginShort(int) ([]byte, error)                       { return nil, nil }
func (silent) Commit([]byte)                                        {}
