package client

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay/wire"
)

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
		{"a source", answer + "x", notAStream, "no stream: the first message has a source that is none"},
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
		{"source too long", first + strings.Repeat("x", 256), "no stream: the first message has 270 bytes"},
		{"source of other bytes", first + "\xff", "no stream: the first message has a source that is none"},
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
		began := time.Now()
		relay.send(&wire.TunOffer{BuildID: 7, ChunkLimit: testChunk})
		id := expect[*wire.TunConfirm](relay).ID
		expect[*wire.TunAllow](relay)
		expect[*wire.TunClose](relay)
		relay.send(&wire.TunClosed{ID: id})
		synctest.Wait()
		if d := time.Since(began); d != time.Second {
			t.Errorf("given up after %v", d)
		}
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
	oversized := make([]byte, maxRecord+1) // it may have come before the limit was set
	oversized[0] = recordData
	if _, _, fault := parseRecord(oversized); fault == "" {
		t.Error("a record over the limit is taken")
	}
}
