package transporttest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/project-iris/iris/transport"
)

// modest is how much every stream takes without a reader, in bytes.
const modest = 32 << 10

func mustWrite(t *testing.T, s transport.Stream, b []byte) {
	t.Helper()
	_ = s.SetWriteDeadline(time.Now().Add(patience))
	n, err := s.Write(b)
	if err != nil || n != len(b) {
		t.Fatalf("write %d bytes: %d, %v", len(b), n, err)
	}
	_ = s.SetWriteDeadline(time.Time{})
}

func mustRead(t *testing.T, s transport.Stream, want []byte) {
	t.Helper()
	_ = s.SetReadDeadline(time.Now().Add(patience))
	got := make([]byte, len(want))
	if n, err := io.ReadFull(s, got); err != nil {
		t.Fatalf("read %d bytes: %d, %v", len(want), n, err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("read %d bytes that differ from those written", len(want))
	}
	_ = s.SetReadDeadline(time.Time{})
}

func mustEnd(t *testing.T, s transport.Stream) {
	t.Helper()
	_ = s.SetReadDeadline(time.Now().Add(patience))
	if n, err := s.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Fatalf("read at the end: %d, %v; want io.EOF", n, err)
	}
}

func mustCloseWrite(t *testing.T, s transport.Stream) {
	t.Helper()
	if err := s.CloseWrite(); err != nil {
		t.Fatalf("close write: %v", err)
	}
}

// readError reads until there is an error.
func readError(s transport.Stream) error {
	_ = s.SetReadDeadline(time.Now().Add(patience))
	_, err := io.Copy(io.Discard, struct{ io.Reader }{s})
	if err == nil {
		return io.EOF
	}
	return err
}

// writeError writes until there is an error.
func writeError(s transport.Stream) error {
	_ = s.SetWriteDeadline(time.Now().Add(patience))
	block := make([]byte, 16<<10)
	for {
		if _, err := s.Write(block); err != nil {
			return err
		}
	}
}

func expectStreamError(t *testing.T, what string, err error, code transport.Code, remote bool) {
	t.Helper()
	streamErr, ok := errors.AsType[*transport.StreamError](err)
	if !ok || streamErr.Code != code || streamErr.Remote != remote {
		t.Errorf("%s: %v; want a StreamError with code %#x and remote %v", what, err, uint32(code), remote)
	}
}

func expectError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v; want %v", what, err, want)
	}
}

func expectDeadline(t *testing.T, what string, err error) {
	t.Helper()
	expectError(t, what, err, os.ErrDeadlineExceeded)
}

// waitFor waits for a channel to be closed.
func waitFor(t *testing.T, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("%s: still waiting after %v\n%s", what, patience, stacks())
	}
}

// group runs functions side by side and waits for them.
type group struct{ sync.WaitGroup }

func (g *group) wait(t *testing.T, what string) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.Wait()
	}()
	waitFor(t, what, done)
}

// pattern is bytes that tell their place: no part looks like another one.
func pattern(size int) []byte {
	b := make([]byte, size)
	state := uint64(0x9e3779b97f4a7c15)
	for i := range b {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		b[i] = byte(state)
	}
	return b
}

func stacks() string {
	buffer := make([]byte, 1<<20)
	return string(buffer[:runtime.Stack(buffer, true)])
}

// goroutines counts those that tests or transports may have started.
func goroutines() int {
	count := 0
	for stack := range strings.SplitSeq(stacks(), "\n\n") {
		if !strings.Contains(stack, "testing.") || strings.Contains(stack, "transporttest") {
			count++
		}
	}
	return count
}

// waitForGoroutines fails if there are still more goroutines than before after
// a while. There is nothing to wait on: a goroutine that has told its owner
// that it is done may still be on its way out.
func waitForGoroutines(t *testing.T, before int) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(10 * time.Second)
	for {
		if goroutines() <= before {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Errorf("%d goroutines before, %d after closing\n%s", before, goroutines(), stacks())
			return
		}
	}
}
