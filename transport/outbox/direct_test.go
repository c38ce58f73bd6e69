package outbox_test

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport/outbox"
)

// willing is a pipe that takes some bytes at once, which the test sets, and keeps them.
type willing struct {
	net.Conn
	room  int
	taken []byte
	busy  func() // called while it takes
}

func (c *willing) TryWrite(b []byte) int {
	if c.busy != nil {
		c.busy()
	}
	n := min(len(b), c.room)
	c.room -= n
	c.taken = append(c.taken, b[:n]...)
	return n
}

func startWilling(t *testing.T, limit, room int) (*writer, *willing) {
	near, far := net.Pipe()
	conn := &willing{Conn: near, room: room}
	w := &writer{Outbox: outbox.New(conn, limit, 0), t: t, near: near, far: far, ended: make(chan error, 1)}
	return w, conn
}

// goOn starts the writer, and waits until it waits.
func (w *writer) goOn() {
	go func() { w.ended <- w.Run() }()
	synctest.Wait()
}

func (c *willing) wantTaken(t *testing.T, want string) {
	t.Helper()
	if string(c.taken) != want {
		t.Errorf("taken at once: %q, want %q", c.taken, want)
	}
	c.taken = nil
}

// On a quiet connection a prompt frame is written by whoever adds it; one that follows closely,
// and what is bulk, by the writer.
func TestAQuietConnectionIsWrittenDirectly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, conn := startWilling(t, 1<<20, 100)
		w.goOn()
		w.add(&w.Prompt, "one")
		conn.wantTaken(t, "one")
		if n := w.Queued(); n != 0 {
			t.Errorf("%d bytes are queued", n)
		}
		w.add(&w.Prompt, "two") // at the same moment
		conn.wantTaken(t, "")
		w.wantWrite("two")
		time.Sleep(time.Millisecond)
		w.add(&w.Bulk, "bulk")
		conn.wantTaken(t, "")
		w.wantWrite("bulk")
		time.Sleep(time.Millisecond)
		w.add(&w.Prompt, "three")
		conn.wantTaken(t, "three")
		w.Close()
		w.wantEnd(nil)
	})
}

// What a connection does not take at once goes first, whatever is added before the writer
// has it; and nothing is written directly meanwhile.
func TestWhatIsLeftGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, conn := startWilling(t, 1<<20, 2)
		w.goOn()
		conn.busy = func() {
			time.Sleep(time.Millisecond)
			w.add(&w.Bulk, "bulk")
			w.add(&w.Prompt, "second")
			conn.busy = nil
		}
		w.add(&w.Prompt, "first")
		conn.wantTaken(t, "fi")
		if n := w.Prompt.Handed(); n != 5 { // the writer writes the rest
			t.Errorf("%d bytes were handed over, want 5", n)
		}
		conn.room = 100
		time.Sleep(time.Millisecond)
		w.add(&w.Prompt, "third")
		conn.wantTaken(t, "")
		w.wantWrite("rst")
		w.wantWrite("secondthird")
		w.wantWrite("bulk")
		w.Close()
		w.wantEnd(nil)
	})
}

// An end that comes while a frame is written directly: Close has the rest written, Abort drops
// it, and says so.
func TestEndDuringADirectWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, conn := startWilling(t, 1<<20, 2)
		w.goOn()
		conn.busy = func() {
			w.Close()
			synctest.Wait() // the writer has heard of it
		}
		w.add(&w.Prompt, "first")
		w.wantWrite("rst")
		w.wantEnd(nil)

		w, conn = startWilling(t, 1<<20, 2)
		w.goOn()
		conn.busy = func() {
			w.Abort(errBoom)
			synctest.Wait()
		}
		w.add(&w.Prompt, "first")
		w.wantEnd(errBoom)
		if n := w.Dropped(); n != 3 {
			t.Errorf("%d bytes were dropped, want 3", n)
		}

		w, conn = startWilling(t, 1<<20, 2)
		w.goOn()
		conn.busy = func() {
			w.Close()
			w.Abort(errBoom)
		}
		w.add(&w.Prompt, "first")
		w.wantEnd(outbox.ErrClosed)
	})
}

// Who was refused while a frame was written directly is told when there is room.
func TestRoomAfterADirectWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, conn := startWilling(t, 4, 100)
		told := 0
		w.OnRoom(func() { told++ })
		w.goOn()
		conn.busy = func() {
			if _, err := w.Prompt.Begin(1); err != outbox.ErrFull {
				t.Errorf("Begin: %v, want ErrFull", err)
			}
		}
		w.add(&w.Prompt, "first")
		if told != 1 {
			t.Errorf("told %d times that there is room, want once", told)
		}
		conn.busy = nil
		time.Sleep(time.Millisecond)
		w.add(&w.Prompt, "second")
		conn.wantTaken(t, "firstsecond")
		w.Close()
		w.wantEnd(nil)
	})
}
