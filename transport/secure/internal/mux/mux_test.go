package mux

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
)

// pair returns two ends of a connection in memory, in a bubble of time.
func pair(t *testing.T, config Config) (dialled, accepted *Mux) {
	t.Helper()
	ours, theirs := net.Pipe()
	dialled = New(ours, Config{Dialer: true, KeepAlive: config.KeepAlive, MaxWindow: config.MaxWindow, WindowBudget: config.WindowBudget})
	accepted = New(theirs, config)
	t.Cleanup(func() {
		_ = dialled.Close(nil)
		_ = accepted.Close(nil)
	})
	return dialled, accepted
}

// peer returns an end of a connection, and the raw one at the other end that
// plays a dialling peer. What the Mux sends is thrown away.
func peer(t *testing.T) (*Mux, net.Conn) {
	t.Helper()
	ours, theirs := net.Pipe()
	m := New(ours, Config{})
	var drain sync.WaitGroup
	drain.Go(func() { _, _ = io.Copy(io.Discard, theirs) })
	t.Cleanup(func() {
		_ = theirs.Close()
		_ = m.Close(nil)
		drain.Wait()
	})
	return m, theirs
}

func streamOf(t *testing.T, from, to *Mux) (opened, accepted *Stream) {
	t.Helper()
	opened, err := from.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := opened.Write([]byte{1}); err != nil {
		t.Fatal(err)
	}
	accepted, err = to.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := accepted.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return opened, accepted
}

func frameOf(kind byte, stream, value uint32, payload ...byte) []byte {
	return append(header{kind, stream, value}.append(nil), payload...)
}

func TestHeaders(t *testing.T) {
	for _, row := range []struct {
		header header
		bytes  string
		refuse error
	}{
		{header{typeData, 1, 5}, "\x00\x00\x00\x00\x01\x00\x00\x00\x05", nil},
		{header{typeDataEnd, 0x01020304, maxPayload}, "\x01\x01\x02\x03\x04\x00\x00\x3f\xf7", nil},
		{header{typeData, 1, maxPayload + 1}, "\x00\x00\x00\x00\x01\x00\x00\x3f\xf8", errFrameLength},
		{header{typeReset, 3, 1<<32 - 1}, "\x02\x00\x00\x00\x03\xff\xff\xff\xff", nil},
		{header{typeDatagram, 0, transport.MaxDatagram + 1}, "\x05\x00\x00\x00\x00\x00\x00\x04\x01", errFrameLength},
		{header{typeClose, 7, transport.MaxReason + 1}, "\x09\x00\x00\x00\x07\x00\x00\x01\x01", errFrameLength},
		{header{typeClose + 1, 0, 0}, "\x0a\x00\x00\x00\x00\x00\x00\x00\x00", errFrameType},
		{header{255, 0, 0}, "\xff\x00\x00\x00\x00\x00\x00\x00\x00", errFrameType},
	} {
		encoded := row.header.append(nil)
		if string(encoded) != row.bytes {
			t.Errorf("%v is %x", row.header, encoded)
		}
		if got := parseHeader((*[headerSize]byte)(encoded)); got != row.header {
			t.Errorf("%x is %v, want %v", encoded, got, row.header)
		}
		if err := row.header.check(); !errors.Is(err, row.refuse) {
			t.Errorf("%v: %v, want %v", row.header, err, row.refuse)
		}
	}
}

// What a peer must not say ends the connection with that reason, and the peer
// is told; what merely crosses on the way does nothing.
func TestViolations(t *testing.T) {
	open := frameOf(typeData, 1, 1, 'x')
	ended := bytes.Join([][]byte{open, frameOf(typeDataEnd, 1, 0)}, nil)
	rows := []struct {
		name string
		say  []byte
		want error // nil: the connection lives
	}{
		{"an unknown type", frameOf(77, 0, 0), errFrameType},
		{"a long payload", frameOf(typeData, 1, maxPayload+1), errFrameLength},
		{"stream 0", frameOf(typeData, 0, 0), errNoSuchStream},
		{"a stream of ours that we did not open", frameOf(typeData, 2, 0), errNoSuchStream},
		{"stream 3 before stream 1", frameOf(typeData, 3, 0), errStreamOrder},
		{"credit for a stream that is not open", frameOf(typeCredit, 1, 1), errNoSuchStream},
		{"stop for a stream that is not open", frameOf(typeStop, 1, 1), errNoSuchStream},
		{"data after the end", append(ended, frameOf(typeData, 1, 1, 'x')...), errAfterEnd},
		{"two ends", append(ended, frameOf(typeDataEnd, 1, 0)...), errAfterEnd},
		{"too much credit", append(open, frameOf(typeCredit, 1, maxWindow)...), errCredit},
		{"the whole window", window(initialWindow), nil},
		{"a byte more", window(initialWindow + 1), errWindow},
		{"all streams", streams(initialStreams), nil},
		{"a stream more", streams(initialStreams + 1), errStreamLimit},
		{"data for a stream that was reset", append(open, append(frameOf(typeReset, 1, 0), open...)...), nil},
		{"a late pong", frameOf(typePong, 0, 12345), nil},
		{"a smaller limit of streams", frameOf(typeStreams, 0, 1), nil},
		{"a ping", frameOf(typePing, 0, 1), nil},
		{"a datagram", frameOf(typeDatagram, 0, 1, 'x'), nil},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, conn := peer(t)
				if _, err := conn.Write(row.say); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				cause := context.Cause(m.Context())
				if !errors.Is(cause, row.want) || row.want != nil && !errors.Is(cause, transport.ErrProtocol) {
					t.Errorf("ended with %v, want %v", cause, row.want)
				}
				if row.want != nil && (m.farewell == nil || m.farewell.Code != transport.CodeProtocol) {
					t.Errorf("farewell %v", m.farewell)
				}
			})
		})
	}
}

// window returns a stream of size bytes.
func window(size int) []byte {
	var frames []byte
	for size > 0 {
		n := min(size, maxPayload)
		frames = append(frames, frameOf(typeData, 1, uint32(n), make([]byte, n)...)...)
		size -= n
	}
	return frames
}

// streams returns the opening of count streams.
func streams(count int) []byte {
	var frames []byte
	for i := range count {
		frames = append(frames, frameOf(typeData, uint32(2*i+1), 0)...)
	}
	return frames
}

func TestSilentPeerIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, _ := peer(t)
		start := time.Now()
		<-m.Context().Done()
		took := time.Since(start)
		if took < 3*DefaultKeepAlive || took > 4*DefaultKeepAlive {
			t.Errorf("noticed after %v", took)
		}
		failed, ok := errors.AsType[*transport.NetworkError](context.Cause(m.Context()))
		if !ok || !failed.Silent {
			t.Errorf("ended with %v", context.Cause(m.Context()))
		}
	})
}

// A peer that takes nothing is dead too, even if it goes on talking.
func TestDeafPeerIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		m := New(ours, Config{})
		defer m.Close(nil)
		defer theirs.Close()
		start := time.Now()
		for second := 0; second < 60 && m.Context().Err() == nil; second++ {
			_ = theirs.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = theirs.Write(frameOf(typePing, 0, 1))
			time.Sleep(time.Second)
		}
		if took := time.Since(start); took > 5*DefaultKeepAlive {
			t.Errorf("noticed after %v", took)
		}
		failed, ok := errors.AsType[*transport.NetworkError](context.Cause(m.Context()))
		if !ok || !failed.Silent {
			t.Errorf("ended with %v", context.Cause(m.Context()))
		}
	})
}

func TestIdleConnectionLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dialled, accepted := pair(t, Config{})
		time.Sleep(24 * time.Hour)
		if dialled.Context().Err() != nil || accepted.Context().Err() != nil {
			t.Error(context.Cause(dialled.Context()), context.Cause(accepted.Context()))
		}
		if rtt := dialled.Stats().RTT; rtt <= 0 {
			t.Errorf("round trip %v", rtt)
		}
	})
}

// What waits for a peer that reads nothing does not grow with what it asks.
func TestPingsDoNotPileUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		m := New(ours, Config{})
		defer m.Close(nil)
		defer theirs.Close()
		for range 10_000 {
			if _, err := theirs.Write(frameOf(typePing, 0, 1)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.out != nil && len(m.out.b) > 100 {
			t.Errorf("%d bytes wait", len(m.out.b))
		}
	})
}

func TestCloseIsNotHeldUpByAPeerThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		m := New(ours, Config{})
		start := time.Now()
		_ = m.Close(errors.New("reason"))
		if took := time.Since(start); took > 2*DefaultLinger {
			t.Errorf("Close took %v", took)
		}
	})
}

// A deadline that passes between a read and the credit for it takes nothing
// from the stream.
func TestDeadlinesKeepTheCredit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dialled, accepted := pair(t, Config{})
		from, to := streamOf(t, dialled, accepted)
		content := bytes.Repeat([]byte("0123456789abcdef"), 64<<10) // 1 MiB
		var writing sync.WaitGroup
		writing.Go(func() {
			if _, err := from.Write(content); err != nil {
				t.Error(err)
			}
			_ = from.CloseWrite()
		})
		var got bytes.Buffer
		part := make([]byte, 10_000)
		for {
			_ = to.SetReadDeadline(time.Now().Add(time.Nanosecond))
			n, err := to.Read(part)
			got.Write(part[:n])
			if err == io.EOF {
				break
			}
			if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
		}
		writing.Wait()
		if !bytes.Equal(got.Bytes(), content) {
			t.Errorf("%d bytes arrived, or others", got.Len())
		}
	})
}

// After any amount of traffic both sides agree on what may be sent.
func TestCreditIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dialled, accepted := pair(t, Config{})
		from, to := streamOf(t, dialled, accepted)
		for size := 1; size < 1<<20; size = size*3 + 1 {
			var writing sync.WaitGroup
			writing.Go(func() { _, _ = from.Write(make([]byte, size)) })
			if _, err := io.CopyN(io.Discard, to, int64(size)); err != nil {
				t.Fatal(err)
			}
			writing.Wait()
			synctest.Wait()
			if from.sendable != to.allowed {
				t.Fatalf("after %d bytes one side may send %d bytes and the other expects %d", size, from.sendable, to.allowed)
			}
		}
	})
}

// A peer that opens and resets streams that nobody accepts gets no room for
// more, however long it takes.
func TestUnacceptedStreamsMakeNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, conn := peer(t)
		for i := range initialStreams {
			id := uint32(2*i + 1)
			if _, err := conn.Write(append(frameOf(typeData, id, 0), frameOf(typeReset, id, 0)...)); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if m.Context().Err() != nil {
			t.Fatal(context.Cause(m.Context()))
		}
		if _, err := m.Accept(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for i := range 2 {
			_, _ = conn.Write(frameOf(typeData, uint32(2*(initialStreams+i)+1), 0))
			synctest.Wait()
			if cause := context.Cause(m.Context()); errors.Is(cause, errStreamLimit) != (i == 1) {
				t.Errorf("%d more: ended with %v", i+1, cause)
			}
		}
	})
}

// Windows grow for a reader that keeps up, and only as far as the budget goes.
func TestWindowsGrowWithinTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const budget = 256 << 10
		dialled, accepted := pair(t, Config{WindowBudget: budget})
		var moving sync.WaitGroup
		var ends []*Stream
		for range 8 {
			from, to := streamOf(t, dialled, accepted)
			ends = append(ends, to)
			moving.Go(func() {
				_, _ = from.Write(make([]byte, 2<<20))
				_ = from.CloseWrite()
			})
		}
		accepted.mu.Lock()
		accepted.rtt = time.Hour // so far away that every reader keeps up
		accepted.mu.Unlock()
		for _, to := range ends {
			if _, err := io.CopyN(io.Discard, to, 1<<20); err != nil {
				t.Fatal(err)
			}
		}
		grown := 0
		accepted.mu.Lock()
		for _, to := range ends {
			grown += to.window - initialWindow
		}
		left := accepted.windowsLeft
		accepted.mu.Unlock()
		if grown != budget || left != 0 {
			t.Errorf("windows have grown by %d of %d, %d left", grown, budget, left)
		}
		for _, to := range ends {
			if _, err := io.Copy(io.Discard, to); err != nil {
				t.Fatal(err)
			}
			_ = to.CloseWrite()
		}
		moving.Wait()
		synctest.Wait()
		accepted.mu.Lock()
		defer accepted.mu.Unlock()
		if accepted.windowsLeft != budget || len(accepted.streams) != 0 {
			t.Errorf("%d of the budget is back, %d streams left", accepted.windowsLeft, len(accepted.streams))
		}
	})
}

// What a peer sends takes at most twice its bytes and two chunks, however it
// is cut.
func TestReceivedBytesAreBoundedInMemory(t *testing.T) {
	for _, size := range []int{1, 100, 1024, minChunkFill - 1, minChunkFill, minChunkFill + 1, 10_000, maxPayload} {
		synctest.Test(t, func(t *testing.T) {
			m, conn := peer(t)
			sent := 0
			for ; sent+size <= initialWindow; sent += size {
				if _, err := conn.Write(frameOf(typeData, 1, uint32(size), make([]byte, size)...)); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			m.mu.Lock()
			defer m.mu.Unlock()
			held := 0
			for c := m.streams[1].buffer.first; c != nil; c = c.next {
				held += chunkSize
			}
			if m.streams[1].buffer.size != sent || held > 2*sent+2*chunkSize {
				t.Errorf("payloads of %d: %d bytes sent, %d arrived, %d held", size, sent, m.streams[1].buffer.size, held)
			}
		})
	}
}

// Small payloads are packed together.
func TestBufferPacksSmallPayloads(t *testing.T) {
	var b buffer
	content := []byte(strings.Repeat("0123456789", 3*chunkSize/10))
	for _, c := range content {
		b.write([]byte{c})
	}
	count := 0
	for c := b.first; c != nil; c = c.next {
		count++
	}
	if count != 3 {
		t.Errorf("%d chunks for three chunks' bytes", count)
	}
	got := make([]byte, len(content)+1)
	if n := b.read(got); n != len(content) || !bytes.Equal(got[:n], content) {
		t.Errorf("read %d bytes of %d, or others", n, len(content))
	}
	if b.first != nil || b.last != nil || b.size != 0 {
		t.Error("an empty buffer holds memory")
	}
}

func TestFIFOOfWaiters(t *testing.T) {
	var q waitQueue
	one, two, three := q.join(), q.join(), q.join()
	q.leave(two)
	q.wake()
	if len(one) != 1 || len(three) != 0 {
		t.Error("the first is not the first")
	}
	q.leave(one) // it had its turn and does not want it
	if len(three) != 1 {
		t.Error("a turn was lost")
	}
	q.wake()
}

func FuzzReceive(f *testing.F) {
	f.Add(window(1000))
	f.Add(streams(3))
	f.Add(frameOf(typeClose, 7, 3, 'b', 'y', 'e'))
	f.Add(append(frameOf(typeData, 1, 1, 'x'), frameOf(typeStop, 1, 9)...))
	f.Add(append(frameOf(typeReset, 1, 1), frameOf(typeDatagram, 0, 1, 'x')...))
	f.Fuzz(func(t *testing.T, said []byte) {
		ours, theirs := net.Pipe()
		m := New(ours, Config{Linger: 10 * time.Millisecond})
		var drain sync.WaitGroup
		drain.Go(func() { _, _ = io.Copy(io.Discard, theirs) })
		_, _ = theirs.Write(said)
		_ = theirs.Close()
		<-m.Context().Done()
		_ = m.Close(nil)
		drain.Wait()
		held := 0
		for _, stream := range m.streams {
			held += stream.buffer.size
		}
		if held > len(said) {
			t.Fatalf("%d bytes held of %d received", held, len(said))
		}
	})
}
