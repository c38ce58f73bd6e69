package nowait_test

import (
	"bytes"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/project-iris/iris/transport/nowait"
)

// pair returns the two ends of a connection.
func pair(t *testing.T, network, address string) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err = net.Dial(network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		near.Close()
		far.Close()
	})
	return near, far
}

// What a connection takes at once arrives. One that is full takes a part, then nothing, and
// nobody waits; when its other end has read, it takes more.
func TestWrite(t *testing.T) {
	for network, address := range map[string]string{
		"tcp":  "127.0.0.1:0",
		"unix": filepath.Join(t.TempDir(), "socket"),
	} {
		t.Run(network, func(t *testing.T) {
			near, far := pair(t, network, address)
			w := nowait.New(near)
			if w == nil {
				t.Skip("this system cannot do it")
			}
			piece := bytes.Repeat([]byte("0123456789"), 10_000)
			sent := 0
			for {
				n := w.Write(piece[sent%10:])
				if n == 0 {
					break
				}
				if sent += n; sent > 1<<30 {
					t.Fatal("a connection that nobody reads takes all")
				}
			}
			got := make([]byte, sent)
			if _, err := io.ReadFull(far, got); err != nil {
				t.Fatal(err)
			}
			for i, c := range got {
				if c != byte('0'+i%10) {
					t.Fatalf("byte %d of %d is %q", i, sent, c)
				}
			}
			if n := w.Write([]byte("more")); n != 4 {
				t.Errorf("took %d bytes after all was read, want 4", n)
			}
		})
	}
}

// Nothing is written where there is nothing to write to, or that is over.
func TestWriteNothing(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if n := nowait.New(a).Write([]byte("x")); n != 0 {
		t.Errorf("a pipe took %d bytes", n)
	}
	near, _ := pair(t, "tcp", "127.0.0.1:0")
	w := nowait.New(near)
	if n := w.Write(nil); n != 0 {
		t.Errorf("took %d bytes of none", n)
	}
	_ = near.SetWriteDeadline(time.Unix(1, 0))
	if n := w.Write([]byte("x")); n != 0 {
		t.Errorf("took %d bytes after its deadline", n)
	}
	_ = near.SetWriteDeadline(time.Time{})
	near.Close()
	if n := w.Write([]byte("x")); n != 0 {
		t.Errorf("took %d bytes after it was closed", n)
	}
}

func TestWriteDoesNotAllocate(t *testing.T) {
	near, far := pair(t, "tcp", "127.0.0.1:0")
	go func() { _, _ = io.Copy(io.Discard, far) }()
	w := nowait.New(near)
	b := make([]byte, 100)
	if n := testing.AllocsPerRun(100, func() { w.Write(b) }); n > 0 {
		t.Errorf("%v allocations for a write", n)
	}
}
