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

// closeOf answers TUN_CLOSE, before which there may be grants.
func (r *fakeRelay) closeOf(s *Stream) {
	r.t.Helper()
	for {
		m := expect[wire.Message](r)
		if _, grant := m.(*wire.TunAllow); grant {
			continue
		}
		if _, last := m.(*wire.TunClose); !last {
			r.t.Errorf("sent %T %+v, want TUN_CLOSE", m, m)
		}
		break
	}
	r.send(&wire.TunClosed{ID: s.tunnel.id})
}

// A tunnel that ends without an end of writing has cut the stream off.
func TestACutStreamIsNoGoodEnd(t *testing.T) {
	for reason, want := range map[string]error{"": io.ErrUnexpectedEOF, "link lost": &TunnelError{Reason: "link lost"}} {
		synctest.Test(t, func(t *testing.T) {
			c, relay := attached(t, Service{}, Config{})
			s := dialled(t, c, relay, 1000)
			relay.send(message(s.tunnel.id, "\x01some"), &wire.TunClosed{ID: s.tunnel.id, Reason: []byte(reason)})
			got, err := io.ReadAll(s)
			if string(got) != "some" || !strings.Contains(fmt.Sprint(err), want.Error()) {
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
				n := testChunk - 1 - recordReserve
				s := dialled(t, c, relay, 2*(1+n)) // two records, and nothing for the end
				blocked := async(func() (int, error) { return s.Write(pattern(2 * n)) })
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
