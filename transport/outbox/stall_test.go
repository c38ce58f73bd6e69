package outbox_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport/outbox"
)

const stall = 10 * time.Second

// take reads n bytes at the far end.
func (w *writer) take(n int) {
	w.t.Helper()
	if _, err := io.ReadFull(w.far, make([]byte, n)); err != nil {
		w.t.Fatal(err)
	}
	synctest.Wait()
}

// wantStalled checks that the writer gives up between two times after since.
func (w *writer) wantStalled(since time.Time, from, to time.Duration) {
	w.t.Helper()
	<-w.Done()
	if after := time.Since(since); after < from || after > to {
		w.t.Errorf("gave up after %v, want %v to %v", after, from, to)
	}
	w.wantEnd(outbox.ErrStalled)
	w.wantRefused(outbox.ErrStalled)
}

func TestStalledPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 1<<20, stall)
		begin := time.Now()
		w.put("never read")
		w.put("queued")
		w.wantStalled(begin, stall, stall)
	})
}

// The deadline of an earlier write does not count against a later one, wherever in
// its time that begins.
func TestStallCountsFromTheWrite(t *testing.T) {
	for quiet := time.Duration(0); quiet <= 2*stall; quiet += stall / 8 {
		synctest.Test(t, func(t *testing.T) {
			w := start(t, 1<<20, stall)
			w.put("read")
			w.wantWrite("read")
			time.Sleep(quiet)
			begin := time.Now()
			w.put("never read")
			w.wantStalled(begin, stall, stall)
		})
	}
}

// A peer that takes some bytes of a write has stalled when nothing more follows.
// When in a quarter of the stall time it took them is not known, so it gets that much more.
func TestPeerThatStallsInsideAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 1<<20, stall)
		w.put(strings.Repeat("x", 200))
		time.Sleep(stall / 2)
		w.take(70)
		w.wantStalled(time.Now(), stall, stall+stall/4)
	})
}

// A peer that takes a byte now and then has stalled, or one application could keep what waits
// for it for ever.
func TestPeerThatTakesAByteNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 1<<20, stall)
		begin := time.Now()
		w.put(strings.Repeat("x", 200))
		for range 9 {
			time.Sleep(stall / 10)
			w.take(1)
		}
		w.wantStalled(begin, stall, stall)
	})
}

// A peer that takes a little is slow and has not stalled, even if a write takes it many times
// the stall time.
func TestTricklingPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 1<<20, stall)
		w.put(strings.Repeat("x", 100*70))
		for range 100 {
			time.Sleep(stall / 2)
			w.take(70)
		}
		w.wantQueued(0)
		w.Close()
		w.wantEnd(nil)
	})
}

// Neither is a connection stalled that has nothing to write.
func TestQuietConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 1<<20, stall)
		for range 3 {
			w.put("frame")
			time.Sleep(stall / 2)
			w.wantWrite("frame")
			time.Sleep(10 * stall)
		}
		w.Close()
		w.wantEnd(nil)
	})
}

func TestNoStallTimeMeansForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, 1<<20, 0)
		w.put("read late")
		time.Sleep(24 * time.Hour)
		w.wantWrite("read late")
		w.Close()
		w.wantEnd(nil)
	})
}

// The deadline is set anew once in a while and not for every write.
func TestDeadlinesAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := &deadlines{}
		o := outbox.New(conn, 1<<20, stall)
		ended := make(chan error, 1)
		go func() { ended <- o.Run() }()
		w := &writer{Outbox: o, t: t, ended: ended}
		for range 1000 { // over the whole stall time
			w.put("frame")
			time.Sleep(stall / 1000)
		}
		if conn.writes != 1000 || conn.set > 17 {
			t.Errorf("%d writes and %d deadlines, want 1000 and at most 17", conn.writes, conn.set)
		}
		o.Close()
		w.wantEnd(nil)
	})
}

func TestDeadlineThatCannotBeSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := &deadlines{err: net.ErrClosed}
		o := outbox.New(conn, 1<<20, stall)
		ended := make(chan error, 1)
		go func() { ended <- o.Run() }()
		w := &writer{Outbox: o, t: t, ended: ended}
		w.put("frame")
		w.wantEnd(net.ErrClosed)
		if _, err := o.Prompt.Begin(1); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Begin: %v, want %v", err, net.ErrClosed)
		}
	})
}

// deadlines is a connection that takes all and counts.
type deadlines struct {
	writes, set int
	err         error // of SetWriteDeadline
}

func (c *deadlines) Write(b []byte) (int, error) {
	c.writes++
	return len(b), nil
}

func (c *deadlines) SetWriteDeadline(time.Time) error {
	c.set++
	return c.err
}
