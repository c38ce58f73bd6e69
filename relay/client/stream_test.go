package client

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay/wire"
)

const (
	first  = "\x00iris stream\x01o" // of the side that opens a tunnel
	answer = "\x00iris stream\x01a" // of the side that accepts it
)

// message is a tunnel message of one chunk.
func message(id uint64, m string) wire.Message {
	return &wire.TunTransfer{ID: id, Total: uint64(len(m)), Chunk: []byte(m)}
}

// says checks that the next frame is a message of one chunk, other than a grant.
func (r *fakeRelay) says(want string) {
	r.t.Helper()
	for {
		switch m := expect[wire.Message](r).(type) {
		case *wire.TunAllow:
		case *wire.TunTransfer:
			if int(m.Total) != len(want) || string(m.Chunk) != want {
				r.t.Errorf("sent %q, want %q", m.Chunk, want)
			}
			return
		default:
			r.t.Errorf("sent %T %+v, want %q", m, m, want)
			return
		}
	}
}

// dialling begins to dial and returns the id of the tunnel, which is open and may send
// so many bytes.
func dialling(t *testing.T, c *Conn, relay *fakeRelay, allowance int) (uint64, <-chan result[*Stream]) {
	t.Helper()
	done := async(func() (*Stream, error) { return c.Dial(t.Context(), "cluster") })
	id := expect[*wire.TunInit](relay).ID
	relay.send(&wire.TunResult{ID: id, ChunkLimit: testChunk}, &wire.TunAllow{ID: id, Bytes: uint64(allowance)})
	expect[*wire.TunAllow](relay)
	relay.says(first)
	return id, done
}

// dialled returns a stream that may send so many bytes.
func dialled(t *testing.T, c *Conn, relay *fakeRelay, allowance int) *Stream {
	t.Helper()
	id, done := dialling(t, c, relay, allowance+len(first))
	relay.send(message(id, answer))
	return must((<-done).value, nil)
}

// closeOf answers TUN_CLOSE.
func (r *fakeRelay) closeOf(s *Stream) {
	r.t.Helper()
	expect[*wire.TunClose](r)
	r.send(&wire.TunClosed{ID: s.tunnel.id})
}

func TestDialRecognisesWhoSpeaksNoStream(t *testing.T) {
	notAStream := new(*StreamError)
	for _, row := range []struct {
		name, answer string
		want         any
		said         string
	}{
		{"plain message", "hello", notAStream, "no stream: the first message is none of a stream: it may be a plain one"},
		{"echo", first, notAStream, "no stream: the first message is that of the other role: it may have been sent back"},
		{"version of the future", "\x00iris stream\x02a and more", notAStream, "no stream: version 2 of streams, where version 1 is spoken"},
		{"no version", "\x00iris stream", notAStream, "no stream: the first message has no version"},
		{"no role", "\x00iris stream\x01", notAStream, "no stream: the first message has 13 bytes"},
		{"too much", answer + "x", notAStream, "no stream: the first message has 15 bytes"},
		{"data", "\x01hello", notAStream, "no stream: the first message is none of a stream: it may be a plain one"},
		{"reset", "\x03not now", new(*ResetError), "given up"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, relay := attached(t, Service{}, Config{})
				id, done := dialling(t, c, relay, 1000)
				relay.send(message(id, row.answer))
				if err := (<-done).err; !errors.As(err, row.want) {
					t.Errorf("error is %v", err)
				}
				relay.says("\x03" + row.said)
				expect[*wire.TunClose](relay)
				relay.send(&wire.TunClosed{ID: id})
				relay.silent()
			})
		})
	}
}

func TestDialFailsWithoutAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		id, done := dialling(t, c, relay, 1000)
		err := (<-done).err
		wantError(t, err, ErrTimeout)
		if timeout, ok := err.(net.Error); !ok || !timeout.Timeout() || !strings.Contains(err.Error(), "it may speak no streams") {
			t.Errorf("error is %v", err)
		}
		relay.says("\x03given up")
		expect[*wire.TunClose](relay)
		relay.send(&wire.TunClosed{ID: id})

		id, done = dialling(t, c, relay, 1000)
		relay.send(&wire.TunClosed{ID: id})
		err = (<-done).err
		wantError(t, err, ErrClosed)
		if want := "dial iris cluster->cluster: closed by the other side before its first message: it may serve no streams"; err.Error() != want {
			t.Errorf("error is %v", err)
		}
		relay.silent()
	})
}

func TestAStreamNeedsAChunkOfSomeSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		done := async(func() (*Stream, error) { return c.Dial(t.Context(), "cluster") })
		relay.send(&wire.TunResult{ID: expect[*wire.TunInit](relay).ID, ChunkLimit: minStreamChunk - 1})
		if err := (<-done).err; !errors.As(err, new(*TunnelError)) {
			t.Errorf("error is %v", err)
		}
		expect[*wire.TunAllow](relay)
		expect[*wire.TunClose](relay)
	})
}

// Whoever is no stream gets the reason and a close, and nothing before it.
func TestAListenerRefusesWhoSpeaksNoStream(t *testing.T) {
	for _, row := range []struct{ name, first, want string }{
		{"plain message", "hello", "no stream: the first message is none of a stream: it may be a plain one"},
		{"version of the future", "\x00iris stream\xffo", "no stream: version 255 of streams, where version 1 is spoken"},
		{"the other role", answer, "no stream: the first message is that of the other role: it may have been sent back"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newListener("cluster")
				c, relay := attached(t, Service{Tunnel: l.serve}, Config{})
				relay.send(&wire.TunOffer{BuildID: 7, ChunkLimit: testChunk})
				id := expect[*wire.TunConfirm](relay).ID
				expect[*wire.TunAllow](relay)
				relay.send(&wire.TunAllow{ID: id, Bytes: 1000})
				relay.silent()
				relay.send(message(id, row.first))
				relay.says("\x03" + row.want)
				expect[*wire.TunClose](relay)
				relay.send(&wire.TunClosed{ID: id})
				synctest.Wait()
				if n := c.Stats().RefusedStreams; n != 1 {
					t.Errorf("%d streams were refused", n)
				}
			})
		})
	}
}

// One who opens a tunnel to a listener and says nothing does not keep it for ever.
func TestAListenerGivesUpOnWhoSaysNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newListener("cluster")
		c, relay := attached(t, Service{Tunnel: l.serve}, Config{Timeout: time.Second})
		relay.send(&wire.TunOffer{BuildID: 7, ChunkLimit: testChunk})
		id := expect[*wire.TunConfirm](relay).ID
		expect[*wire.TunAllow](relay)
		expect[*wire.TunClose](relay)
		relay.send(&wire.TunClosed{ID: id})
		synctest.Wait()
		if n := c.Stats().RefusedStreams; n != 1 {
			t.Errorf("%d streams were refused", n)
		}
	})
}

// What came before is read, and then every call fails for the same reason; the other
// side is told.
func TestAStreamEndsForWhatTheOtherSideGotWrong(t *testing.T) {
	for _, row := range []struct{ name, record, want string }{
		{"unknown kind", "\x04x", "record of unknown kind 4"},
		{"kind 0", "\x00", "record of unknown kind 0"},
		{"data without bytes", "\x01", "record without data"},
		{"end with bytes", "\x02x", "end of writing with data"},
		{"reason too long", "\x03" + strings.Repeat("x", 256), "reset whose reason is not UTF-8 of at most 255 bytes"},
		{"reason of other bytes", "\x03\xff", "reset whose reason is not UTF-8 of at most 255 bytes"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, relay := attached(t, Service{}, Config{})
				s := dialled(t, c, relay, 1000)
				relay.send(message(s.tunnel.id, "\x01good"), message(s.tunnel.id, row.record), message(s.tunnel.id, "\x01bad"))
				all := async(func() ([]byte, error) { return io.ReadAll(s) })
				relay.says("\x03no stream: " + row.want)
				relay.closeOf(s)
				got := <-all
				_, readError := s.Read(make([]byte, 9))
				_, writeError := s.Write([]byte("x"))
				for _, err := range []error{got.err, readError, writeError} {
					if wrong, ok := errors.AsType[*StreamError](err); !ok || wrong.Reason != row.want {
						t.Errorf("error is %v", err)
					}
				}
				if string(got.value) != "good" {
					t.Errorf("read %q", got.value)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestNothingComesAfterTheEndOfWriting(t *testing.T) {
	for _, row := range []struct {
		record string
		want   any
	}{
		{"\x01x", new(*StreamError)},
		{"\x02", new(*StreamError)},
		{"\x03enough", new(*ResetError)},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, relay := attached(t, Service{}, Config{})
			s := dialled(t, c, relay, 1000)
			relay.send(message(s.tunnel.id, "\x02"))
			for range 2 {
				if _, err := s.Read(make([]byte, 9)); err != io.EOF {
					t.Errorf("error is %v", err)
				}
			}
			relay.send(message(s.tunnel.id, row.record))
			synctest.Wait()
			go relay.discard()
			for range 2 {
				if _, err := s.Read(make([]byte, 9)); !errors.As(err, row.want) {
					t.Errorf("after %q: %v", row.record, err)
				}
			}
		})
	}
}

// A record over the limit ends the stream when its length is claimed.
func TestAnOversizedRecordEndsTheStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		s := dialled(t, c, relay, 1000)
		relay.send(&wire.TunTransfer{ID: s.tunnel.id, Total: maxRecord + 1, Chunk: []byte("\x01x")})
		_, err := s.Read(make([]byte, 9))
		wantError(t, err, ErrTooLarge)
		relay.closeOf(s)
	})
	if _, _, fault := parseRecord(make([]byte, maxRecord+1)); fault == "" {
		t.Error("a record over the limit is taken")
	}
}

// A tunnel that ends without an end of writing has cut the stream off.
func TestACutStreamIsNoGoodEnd(t *testing.T) {
	for reason, want := range map[string]error{"": io.ErrUnexpectedEOF, "link lost": &TunnelError{Reason: "link lost"}} {
		synctest.Test(t, func(t *testing.T) {
			c, relay := attached(t, Service{}, Config{})
			s := dialled(t, c, relay, 1000)
			relay.send(message(s.tunnel.id, "\x01some"), &wire.TunClosed{ID: s.tunnel.id, Reason: []byte(reason)})
			got, err := io.ReadAll(s)
			if string(got) != "some" || !strings.Contains(err.Error(), want.Error()) {
				t.Errorf("read %q, %v", got, err)
			}
		})
	}
}

// Data leaves enough of the allowance for the end: it waits for nobody.
func TestTheEndOfAStreamNeedsNoReader(t *testing.T) {
	for _, row := range []struct {
		name string
		end  func(*Stream) error
		want []string
	}{
		{"close", (*Stream).Close, []string{"\x02"}},
		{"reset", func(s *Stream) error { return s.Reset(strings.Repeat("x", 300)) }, []string{"\x03" + strings.Repeat("x", 255)}},
		{"both", func(s *Stream) error {
			return errors.Join(s.CloseWrite(), s.CloseWrite(), s.Reset(strings.Repeat("é", 128)))
		}, []string{"\x02", "\x03" + strings.Repeat("é", 127)}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, relay := attached(t, Service{}, Config{})
				s := dialled(t, c, relay, testChunk+recordReserve)
				blocked := async(func() (int, error) { return s.Write(pattern(2 * testChunk)) })
				n := testChunk - 1 - recordReserve
				relay.says("\x01" + string(pattern(n)))
				ended := asyncError(func() error { return row.end(s) })
				for _, want := range row.want {
					relay.says(want)
				}
				relay.closeOf(s)
				if err := <-ended; err != nil {
					t.Error(err)
				}
				got := <-blocked
				wantError(t, got.err, net.ErrClosed, ErrClosed)
				if got.value != n {
					t.Errorf("wrote %d", got.value)
				}
				for _, err := range []error{s.Close(), s.CloseWrite(), s.SetDeadline(time.Now())} {
					wantError(t, err, net.ErrClosed)
				}
			})
		})
	}
}

// A writer that waits learns why the other side has reset the stream, though nobody
// reads.
func TestAWriterLearnsOfTheReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		s := dialled(t, c, relay, 0)
		blocked := async(func() (int, error) { return s.Write([]byte("x")) })
		relay.send(message(s.tunnel.id, "\x01unread"), message(s.tunnel.id, "\x03no\nroom"), &wire.TunClosed{ID: s.tunnel.id})
		got := <-blocked
		if want := `write iris cluster->cluster: reset by the other side: "no\nroom"`; got.err == nil || got.err.Error() != want {
			t.Errorf("error is %v", got.err)
		}
	})
}

// CloseWrite ends a Write that waits, and leaves reading as it is.
func TestCloseWriteEndsWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		s := dialled(t, c, relay, 1)
		blocked := async(func() (int, error) { return s.Write([]byte("x")) })
		synctest.Wait()
		if err := s.CloseWrite(); err != nil {
			t.Error(err)
		}
		wantError(t, (<-blocked).err, ErrClosed)
		relay.says("\x02")
		relay.send(message(s.tunnel.id, "\x01y"))
		if n, err := s.Read(make([]byte, 9)); n != 1 || err != nil {
			t.Errorf("read %d, %v", n, err)
		}
	})
}

// A deadline can be moved while calls wait for it, and passing it loses nothing.
func TestDeadlinesMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		s := dialled(t, c, relay, 0)
		began := time.Now()
		calls := func() []<-chan result[int] {
			return []<-chan result[int]{
				async(func() (int, error) { return s.Read(make([]byte, 9)) }),
				async(func() (int, error) { return s.Write([]byte("x")) }),
			}
		}
		after := func(d time.Duration) error { return s.SetDeadline(began.Add(d)) }
		err := after(time.Second)
		waiting := calls()
		synctest.Wait()
		err = errors.Join(err, after(time.Minute))
		for _, call := range waiting {
			wantError(t, (<-call).err, os.ErrDeadlineExceeded)
		}
		if d := time.Since(began); d != time.Minute {
			t.Errorf("waited for %v", d)
		}
		for _, call := range calls() {
			wantError(t, (<-call).err, os.ErrDeadlineExceeded)
		}
		err = errors.Join(err, s.SetReadDeadline(time.Time{}), s.SetWriteDeadline(time.Time{}))
		waiting = calls()
		relay.send(message(s.tunnel.id, "\x01y"), &wire.TunAllow{ID: s.tunnel.id, Bytes: 1000})
		relay.says("\x01x")
		for _, call := range waiting {
			if got := <-call; got.value != 1 || got.err != nil {
				t.Errorf("%d, %v", got.value, got.err)
			}
		}
		if err != nil {
			t.Error(err)
		}
	})
}

func TestAddressesAreNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, relay := attached(t, Service{}, Config{})
		s := dialled(t, c, relay, 0)
		got := fmt.Sprintln(s.LocalAddr(), s.RemoteAddr(), s.RemoteAddr().Network(), Addr{}, newListener("x").Addr())
		if want := "cluster cluster iris anonymous x\n"; got != want {
			t.Errorf("addresses are %q, want %q", got, want)
		}
	})
}
