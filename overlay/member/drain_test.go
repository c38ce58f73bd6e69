package member

import (
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/project-iris/iris/overlay/names"
)

// Whoever attaches while the node begins to drain is refused, or is taken out of its cluster
// again: nobody is left in one that is asked no more.
func TestAttachWhileTheNodeBeginsToDrain(t *testing.T) {
	var refused, taken int
	for range 300 {
		o := newNode(names.Config{})
		var begin, both sync.WaitGroup
		begin.Add(1)
		var m *Member
		var err error
		both.Go(func() {
			begin.Wait()
			m, err = o.Attach([]byte("service"), &app{t: t})
		})
		both.Go(func() {
			begin.Wait()
			if _, err := o.Drain(t.Context()); err != nil {
				t.Errorf("drain: %v", err)
			}
		})
		begin.Done()
		both.Wait()
		if m == nil {
			refused++
		} else {
			taken++
		}
		isOut(t, o, m, err)
		o.Close()
	}
	t.Logf("%d were refused, %d taken out", refused, taken)
}

// The same, with the drain where it is easiest missed: after it was looked whether there is
// one, and before the member is in its cluster. It begins while Attach waits for the lock of
// the names, and is usually over when Attach gets it.
func TestADrainInTheMiddleOfAttach(t *testing.T) {
	for range 300 {
		o := newNode(names.Config{})
		attached := make(chan struct{})
		var m *Member
		var err error
		holdNames(t, o, func() {
			go func() {
				defer close(attached)
				m, err = o.Attach([]byte("service"), &app{t: t})
			}()
			for !hasMembers(o) {
				runtime.Gosched()
			}
		})
		if _, err := o.Drain(t.Context()); err != nil {
			t.Errorf("drain: %v", err)
		}
		<-attached
		if m == nil {
			t.Fatalf("a drain that comes later refuses: %v", err)
		}
		isOut(t, o, m, err)
		o.Close()
	}
}

// holdNames calls a function while the names of an overlay are locked.
func holdNames(t *testing.T, o *node, do func()) {
	enough := errors.New("enough")
	_, err := o.lookup.Pick(t.Context(), nil, []byte("nobody"), &names.Refusals{}, func() error {
		do()
		return enough
	})
	if !errors.Is(err, enough) {
		t.Fatalf("a tunnel to nobody: %v", err)
	}
}

func hasMembers(o *node) bool { return len(o.All()) > 0 }

// isOut checks that an Attach to a node that drains has ended well: with a refusal, or a member
// that is in no cluster.
func isOut(t *testing.T, o *node, m *Member, err error) {
	t.Helper()
	switch {
	case m == nil:
		if !errors.Is(err, ErrDraining) {
			t.Errorf("it is refused with %v, want %v", err, ErrDraining)
		}
	case err != nil:
		t.Errorf("it is attached and refused: %v", err)
	case !m.left.Load():
		t.Error("the member takes requests")
	}
	if left := o.lookup.MembersHere([]byte("service")); len(left) != 0 {
		t.Errorf("the cluster has %d members", len(left))
	}
	if s := o.lookup.Stats(); s.Clusters != 0 {
		t.Errorf("%d clusters are left", s.Clusters)
	}
}
