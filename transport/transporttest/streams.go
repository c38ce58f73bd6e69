package transporttest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"
	"time"

	"github.com/project-iris/iris/transport"
)

func testOpenBothWays(t *testing.T, p *pair) {
	a, b := p.connect(t)
	for _, ends := range [][2]transport.Link{{a, b}, {b, a}} {
		opened, accepted := openStream(t, ends[0], ends[1])
		mustWrite(t, accepted, []byte("answer"))
		mustRead(t, opened, []byte("answer"))
	}
}

func testOrder(t *testing.T, p *pair) {
	a, b := p.stream(t)
	content := pattern(1 << 20)
	var g group
	g.Go(func() {
		for rest, size := content, 1; len(rest) > 0; size = size*3%70_000 + 1 {
			n := min(size, len(rest))
			if _, err := a.Write(rest[:n]); err != nil {
				t.Errorf("write: %v", err)
				return
			}
			rest = rest[n:]
		}
		if err := a.CloseWrite(); err != nil {
			t.Errorf("close write: %v", err)
		}
	})
	mustRead(t, b, content)
	mustEnd(t, b)
	g.wait(t, "writer")
}

func testHalfClose(t *testing.T, p *pair) {
	a, b := p.stream(t)
	mustWrite(t, a, []byte("question"))
	mustCloseWrite(t, a)
	mustCloseWrite(t, a)
	_, err := a.Write([]byte("more"))
	expectError(t, "write after CloseWrite", err, transport.ErrWriteClosed)

	mustRead(t, b, []byte("question"))
	mustEnd(t, b)
	mustEnd(t, b)
	mustWrite(t, b, []byte("answer"))
	mustCloseWrite(t, b)
	mustRead(t, a, []byte("answer"))
	mustEnd(t, a)
}

func testReset(t *testing.T, p *pair) {
	const code = transport.CodeUser + 42
	a, b := p.stream(t)
	var g group
	g.Go(func() { expectStreamError(t, "peer's read", readError(b), code, true) })
	g.Go(func() { expectStreamError(t, "peer's write", writeError(b), code, true) })
	a.Reset(code)
	a.Reset(code + 1)
	expectStreamError(t, "own read", readError(a), code, false)
	expectStreamError(t, "own write", writeError(a), code, false)
	g.wait(t, "the peer")
}

func testResetFirst(t *testing.T, p *pair) {
	const code = 1<<32 - 1
	linkA, linkB := p.connect(t)
	a, err := linkA.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a.Reset(code)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b, err := linkB.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	expectStreamError(t, "peer's read", readError(b), code, true)
	expectStreamError(t, "peer's write", writeError(b), code, true)
}

func testResetAfterCloseWrite(t *testing.T, p *pair) {
	a, b := p.stream(t)
	content := pattern(modest)
	mustWrite(t, a, content)
	mustCloseWrite(t, a)
	a.Reset(transport.CodeUser)
	_, err := a.Write([]byte{1})
	expectError(t, "write after CloseWrite and Reset", err, transport.ErrWriteClosed)
	mustRead(t, b, content)
	mustEnd(t, b)
	expectStreamError(t, "peer's write", writeError(b), transport.CodeUser, true)
}

func testCancelRead(t *testing.T, p *pair) {
	const code = transport.CodeUser + 7
	a, b := p.stream(t)
	mustWrite(t, b, []byte("not wanted"))
	a.CancelRead(code)
	expectStreamError(t, "own read", readError(a), code, false)
	expectStreamError(t, "peer's write", writeError(b), code, true)

	mustWrite(t, a, []byte("goes on"))
	mustRead(t, b, []byte("goes on"))
	mustCloseWrite(t, a)
	mustEnd(t, b)
}

func testReadDeadline(t *testing.T, p *pair) {
	a, b := p.stream(t)
	_ = a.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	_, err := a.Read(make([]byte, 1))
	expectDeadline(t, "deadline ahead", err)
	_, err = a.Read(make([]byte, 1))
	expectDeadline(t, "deadline passed", err)

	_ = a.SetReadDeadline(time.Time{})
	var g group
	g.Go(func() {
		_, err := a.Read(make([]byte, 1))
		expectDeadline(t, "deadline set while waiting", err)
	})
	_ = a.SetReadDeadline(time.Unix(1, 0))
	g.wait(t, "reader")

	mustWrite(t, b, []byte("late"))
	mustRead(t, a, []byte("late"))
}

func testWriteDeadline(t *testing.T, p *pair) {
	a, b := p.stream(t)
	block := pattern(2*p.Buffered + 1)
	_ = a.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	n, err := a.Write(block)
	expectDeadline(t, "deadline while waiting", err)
	if n <= 0 || n >= len(block) {
		t.Fatalf("wrote %d of %d bytes to a stream that nobody reads", n, len(block))
	}
	more, err := a.Write(block[n:])
	expectDeadline(t, "deadline passed", err)
	n += more

	_ = a.SetWriteDeadline(time.Time{})
	var g group
	g.Go(func() {
		if _, err := a.Write(block[n:]); err != nil {
			t.Errorf("the rest after a deadline: %v", err)
		}
	})
	mustRead(t, b, block)
	g.wait(t, "writer")
}

// testFlowControl fills several streams that nobody reads, and looks at how
// much they take.
func testFlowControl(t *testing.T, p *pair) {
	linkA, linkB := p.connect(t)
	for range 3 {
		a, b := openStream(t, linkA, linkB)
		content := pattern(2*p.Buffered + 1)
		taken := fill(t, a, content)
		if taken > p.Buffered {
			t.Errorf("a stream that nobody reads took %d bytes, more than %d", taken, p.Buffered)
		}
		mustRead(t, b, content[:taken])
		more := []byte("and it goes on")
		mustWrite(t, a, more)
		mustRead(t, b, more)
	}
}

// fill writes until the stream takes nothing for a while.
func fill(t *testing.T, s transport.Stream, content []byte) (taken int) {
	t.Helper()
	for taken < len(content) {
		_ = s.SetWriteDeadline(time.Now().Add(200 * time.Millisecond))
		n, err := s.Write(content[taken:min(taken+16<<10, len(content))])
		taken += n
		if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("fill: %v", err)
		}
	}
	_ = s.SetWriteDeadline(time.Time{})
	return taken
}

// echo answers every stream of a link with what it says, until the link ends.
func echo(ctx context.Context, link transport.Link) {
	var g group
	defer g.Wait()
	for {
		s, err := link.Accept(ctx)
		if err != nil {
			return
		}
		g.Go(func() {
			defer s.Reset(transport.CodeInternal)
			if _, err := io.Copy(struct{ io.Writer }{s}, struct{ io.Reader }{s}); err == nil {
				_ = s.CloseWrite()
			}
		})
	}
}

// ask sends a number on a stream of its own and expects it back.
func ask(ctx context.Context, link transport.Link, number uint64, meet func()) error {
	s, err := link.Open(ctx)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer s.Reset(transport.CodeInternal)
	_ = s.SetDeadline(time.Now().Add(patience))
	if _, err := s.Write(binary.BigEndian.AppendUint64(nil, number)); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	var answer [8]byte
	if _, err := io.ReadFull(s, answer[:]); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if got := binary.BigEndian.Uint64(answer[:]); got != number {
		return fmt.Errorf("stream %d answered %d", number, got)
	}
	meet()
	if err := s.CloseWrite(); err != nil {
		return fmt.Errorf("close write: %w", err)
	}
	if _, err := io.ReadFull(s, answer[:1]); err != io.EOF {
		return fmt.Errorf("end: %w", err)
	}
	return nil
}

func testManyStreams(t *testing.T, p *pair) {
	linkA, linkB := p.connect(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var echoes, asking, together group
	echoes.Go(func() { echo(ctx, linkB) })
	together.Add(transport.MinStreams)
	for number := range uint64(transport.MinStreams) {
		asking.Go(func() {
			met := false
			meet := func() {
				met = true
				together.Done()
				together.Wait()
			}
			if err := ask(ctx, linkA, number, meet); err != nil {
				t.Errorf("stream %d: %v", number, err)
				if !met {
					together.Done()
				}
			}
		})
	}
	asking.wait(t, "streams")
	_ = linkA.Close(nil)
	echoes.wait(t, "echo")
}

// testStreamTurnover opens more streams than any limit, one after another.
func testStreamTurnover(t *testing.T, p *pair) {
	linkA, linkB := p.connect(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var echoes, asking group
	echoes.Go(func() { echo(ctx, linkB) })
	const each = 190
	for worker := range uint64(64) {
		asking.Go(func() {
			for number := range uint64(each) {
				if err := ask(ctx, linkA, worker<<32|number, func() {}); err != nil {
					t.Errorf("stream %d of worker %d: %v", number, worker, err)
					return
				}
			}
		})
	}
	asking.wait(t, "streams")
	_ = linkA.Close(nil)
	echoes.wait(t, "echo")
}

// testStreamLimit opens streams without end, and expects Open to wait at some
// point at or after MinStreams, and go on when one ends.
func testStreamLimit(t *testing.T, p *pair) {
	const enough = 1 << 17
	linkA, linkB := p.connect(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var first transport.Stream
	for opened := 0; ; opened++ {
		if opened == enough {
			t.Fatalf("%d streams open at once and no limit yet", opened)
		}
		brief, done := context.WithTimeout(ctx, 500*time.Millisecond)
		s, err := linkA.Open(brief)
		done()
		if errors.Is(err, context.DeadlineExceeded) && opened >= transport.MinStreams {
			break
		}
		if err != nil {
			t.Fatalf("open stream %d: %v", opened, err)
		}
		if opened == 0 {
			first = s
			mustWrite(t, s, []byte{1})
		}
	}
	first.Reset(transport.CodeUser)
	accepted, err := linkB.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	accepted.Reset(transport.CodeUser)
	if _, err := linkA.Open(ctx); err != nil {
		t.Fatalf("open after one has ended: %v", err)
	}
}

func testStalledStream(t *testing.T, p *pair) {
	linkA, linkB := p.connect(t)
	stalled, _ := openStream(t, linkA, linkB)
	block := pattern(2*p.Buffered + 1)
	if taken := fill(t, stalled, block); taken == len(block) {
		t.Fatalf("the stream is not stalled after %d bytes", taken)
	}
	a, b := openStream(t, linkA, linkB)
	content := pattern(4 << 20)
	var g group
	g.Go(func() {
		if _, err := a.Write(content); err != nil {
			t.Errorf("write beside a stalled stream: %v", err)
		}
	})
	mustRead(t, b, content)
	g.wait(t, "writer")
}

func testLargeTransfer(t *testing.T, p *pair) {
	a, b := p.stream(t)
	content := pattern(16 << 20)
	want := sha256.Sum256(content)
	var g group
	for _, s := range []transport.Stream{a, b} {
		g.Go(func() {
			if _, err := s.Write(content); err != nil {
				t.Errorf("write: %v", err)
			}
			if err := s.CloseWrite(); err != nil {
				t.Errorf("close write: %v", err)
			}
		})
		g.Go(func() {
			_ = s.SetReadDeadline(time.Now().Add(patience))
			digest := sha256.New()
			n, err := io.Copy(digest, struct{ io.Reader }{s})
			if err != nil || [32]byte(digest.Sum(nil)) != want {
				t.Errorf("read %d bytes of %d, error %v, and their hash is right: %v", n, len(content), err, [32]byte(digest.Sum(nil)) == want)
			}
		})
	}
	g.wait(t, "transfer")
}
