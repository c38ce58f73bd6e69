package mux

import (
	"bytes"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// willing is a connection that takes bytes at once while it is told to, in order.
type willing struct {
	net.Conn
	refuses atomic.Bool
	left    []byte
	tries   int
}

func (c *willing) TryWrite(b []byte) (bool, error) {
	c.tries++
	if len(c.left) == 0 && !c.refuses.Load() {
		_, err := c.Write(b)
		return false, err
	}
	c.left = append(c.left, b...)
	return true, nil
}

func (c *willing) Flush() error {
	if len(c.left) == 0 {
		return nil
	}
	_, err := c.Write(c.left)
	c.left = nil
	return err
}

// On a quiet connection a stream is written to directly; else TryWrite does nothing, and what was
// left arrives in order.
func TestTryWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		conn := &willing{Conn: ours}
		near := New(conn, Config{Dialer: true, Direct: true})
		far := New(theirs, Config{})
		defer near.Close(nil)
		defer far.Close(nil)
		unnamed, err := near.Open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n := unnamed.TryWrite([]byte("x")); n != 0 {
			t.Errorf("TryWrite = %d on a stream that the peer does not know, want 0", n)
		}
		s, r := streamOf(t, near, far)
		var want bytes.Buffer
		try := func(b []byte, taken bool) {
			t.Helper()
			n := s.TryWrite(b)
			if n > 0 {
				want.Write(b[:n])
			}
			if taken != (n == len(b)) || !taken && n != 0 {
				t.Errorf("TryWrite of %d bytes = %d, want taken %v", len(b), n, taken)
			}
			synctest.Wait()
		}
		write := func(b string) {
			t.Helper()
			if _, err := s.Write([]byte(b)); err != nil {
				t.Fatal(err)
			}
			want.WriteString(b)
		}
		synctest.Wait()
		try([]byte("too soon"), false)
		time.Sleep(time.Millisecond)
		tries := conn.tries
		try([]byte("direct "), true)
		if conn.tries != tries+1 {
			t.Errorf("%d writes, want one", conn.tries-tries)
		}
		time.Sleep(time.Millisecond)
		write("queued ")
		try([]byte("behind what is queued"), false)
		time.Sleep(time.Millisecond)
		try(make([]byte, maxPayload+1), false)
		conn.refuses.Store(true)
		try([]byte("left "), true)
		write("later ")
		synctest.Wait()
		conn.refuses.Store(false)
		time.Sleep(time.Millisecond)
		try([]byte("direct again"), true)
		if err := s.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if n := s.TryWrite([]byte("x")); n != 0 {
			t.Errorf("TryWrite = %d after the end", n)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want.Bytes()) {
			t.Errorf("read %q, %v; want %q", got, err, want.Bytes())
		}
	})
}

// A stream of which the peer has not read enough takes no more without a wait.
func TestTryWriteKeepsToTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		near := New(&willing{Conn: ours}, Config{Dialer: true, Direct: true})
		far := New(theirs, Config{})
		defer near.Close(nil)
		defer far.Close(nil)
		s, _ := streamOf(t, near, far)
		sent, piece := 1, make([]byte, 10_000)
		for range 100 {
			time.Sleep(time.Millisecond)
			sent += s.TryWrite(piece)
		}
		if sent > initialWindow || sent <= initialWindow-len(piece) {
			t.Errorf("sent %d bytes of a window of %d", sent, initialWindow)
		}
		if far.Context().Err() != nil {
			t.Error("the peer has ended the connection")
		}
	})
}
