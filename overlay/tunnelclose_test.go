package overlay

import (
	"bytes"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport/mem"
)

// tunnelsInPlaces plays a case with both ends of a tunnel on one node, and on two.
func tunnelsInPlaces(t *testing.T, play func(t *testing.T, w *world, near, far Stream)) {
	t.Helper()
	for name, nodes := range map[string]int{"one node": 1, "two nodes": 2} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorldOf(t, nodes, Config{}, mem.Path{Delay: 10 * time.Millisecond})
				caller, service := attach(t, w.nodes[0], ""), attach(t, w.nodes[nodes-1], "service")
				w.pass()
				near := caller.open("service")
				play(t, w, near, service.tunnel(0))
				w.pass()
			})
		})
	}
}

// Who reads no more lets the other end's writes fail, also the one under way, and may
// still write.
func TestATunnelThatIsReadNoMore(t *testing.T) {
	tunnelsInPlaces(t, func(t *testing.T, w *world, near, far Stream) {
		defer near.Close()
		defer far.Close()
		written := make(chan error, 1)
		go func() {
			_, err := far.Write(make([]byte, 16<<20)) // more than fits on the way
			written <- err
		}()
		w.pass()
		near.CloseRead()
		near.CloseRead()
		select {
		case err := <-written:
			if err == nil {
				t.Error("a write that was under way succeeded")
			}
		case <-time.After(time.Minute):
			t.Fatal("a write that nobody reads goes on")
		}
		if _, err := far.Write([]byte("more")); err == nil {
			t.Error("a write succeeded that nobody reads")
		}
		if _, err := near.Read(make([]byte, 1)); err == nil {
			t.Error("something was read afterwards")
		}
		go io.WriteString(near, "last words")
		got := make([]byte, len("last words"))
		if _, err := io.ReadFull(far, got); err != nil || string(got) != "last words" {
			t.Errorf("read %q: %v", got, err)
		}
	})
}

// A node that ends gives what was written into its tunnels a second to arrive, counted
// from their close.
func TestANodeThatEndsLetsItsTunnelsArrive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorldOf(t, 2, Config{}, mem.Path{Delay: 300 * time.Millisecond})
		caller, service := attach(t, w.nodes[0], ""), attach(t, w.nodes[1], "service")
		w.pass()
		near := caller.open("service")
		far := service.tunnel(0)
		sent := bytes.Repeat([]byte("x"), 10<<10)
		if _, err := near.Write(sent); err != nil {
			t.Fatal(err)
		}
		near.Close()
		for _, want := range []time.Duration{time.Second, 0} {
			began := time.Now()
			w.nodes[0].net.farewells.Await()
			if took := time.Since(began); took != want {
				t.Errorf("it took %v, want %v", took, want)
			}
		}
		began := time.Now()
		got, err := io.ReadAll(far)
		if took := time.Since(began); err != nil || !bytes.Equal(got, sent) || took != 0 {
			t.Errorf("%d of %d bytes had arrived, %v later: %v", len(got), len(sent), took, err)
		}
		far.Close()
	})
}
