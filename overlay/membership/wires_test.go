package membership

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
)

// silent is a stream on which nothing comes. It notes how it was reset.
type silent struct {
	transport.Stream
	codes []transport.Code
}

func (s *silent) Reset(code transport.Code)      { s.codes = append(s.codes, code) }
func (s *silent) CancelRead(code transport.Code) {}
func (s *silent) CloseWrite() error              { return nil }

// TestStreamsOfAllPeersAreBounded: one too many waits for its turn, and not for long.
func TestStreamsOfAllPeersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWires(transport.PeerID{}, nil, nil)
		var handled sync.WaitGroup
		for i := range maxStreams {
			handled.Go(func() { w.stream(transport.PeerID{1, byte(i / maxPeerStreams)}, &silent{}) })
		}
		synctest.Wait()
		begin, late := time.Now(), &silent{}
		w.stream(transport.PeerID{2}, late)
		if took := time.Since(begin); took != streamTimeout || w.dropped.Load() != 1 || late.codes[0] != transport.CodeBusy {
			t.Errorf("one too many: %d dropped after %v, reset with %v", w.dropped.Load(), took, late.codes)
		}
		_ = (<-w.streams).Close()
		handled.Go(func() { w.stream(transport.PeerID{2}, &silent{}) })
		time.Sleep(2 * streamTimeout)
		if w.dropped.Load() != 1 {
			t.Error("one that has ended makes no room")
		}
		w.close()
		handled.Wait()
		w.work.Wait()
	})
}

// coming is a stream on which something comes.
type coming struct {
	transport.Stream
	src io.Reader
}

func (c coming) Read(b []byte) (int, error) { return c.src.Read(b) }

// TestMemberlistReadsWhatWasFoundGood, and not a byte of anything else.
func TestMemberlistReadsWhatWasFoundGood(t *testing.T) {
	good := message(typeState, encode("Nodes", 1), encode("Name", "one"))
	rows := []struct {
		name string
		sent []byte
		want []byte
	}{
		{"a good list", good, good},
		{"more than one message", slices.Concat(good, good), good},
		{"a list that is cut off", good[:len(good)-1], nil},
		{"a list that is too long", message(typeState, encode("Nodes", 1<<20)), nil},
	}
	for _, row := range rows {
		w := newWires(transport.PeerID{}, nil, newTestScreen(1))
		c := &conn{Stream: coming{src: bytes.NewReader(row.sent)}, wires: w}
		got, err := io.ReadAll(c)
		if !bytes.Equal(got, row.want) || (err == nil) != (row.want != nil) {
			t.Errorf("%s: read %d bytes, want %d: %v", row.name, len(got), len(row.want), err)
		}
	}
}

func TestNoStreamAfterClose(t *testing.T) {
	w := newWires(transport.PeerID{}, nil, nil)
	w.close()
	s := &silent{}
	if _, err := w.track(transport.PeerID{1}, s); !errors.Is(err, errClosed) || len(s.codes) != 1 {
		t.Errorf("%v, reset with %v", err, s.codes)
	}
}

// TestTheLastProbeIsAwaited, until it is answered or for a while, and none follows.
func TestTheLastProbeIsAwaited(t *testing.T) {
	ping, ack := message(typePing, encode()), message(typeAck, encode())
	rows := []struct {
		name     string
		to       string // that is probed
		answered string // who answers 10 ms later
		want     time.Duration
	}{
		{"no probe", "", "", 0},
		{"an answer", "one", "one", 10 * time.Millisecond},
		{"another's answer", "one", "other", leaveTimeout},
		{"no answer", "one", "", leaveTimeout},
	}
	for _, row := range rows {
		synctest.Test(t, func(t *testing.T) {
			w := newWires(transport.PeerID{}, nil, nil)
			begin := time.Now()
			if row.to != "" {
				_ = w.note(row.to, ping)
			}
			time.AfterFunc(10*time.Millisecond, func() { w.answered(row.answered) })
			w.endProbes()
			if took := time.Since(begin); took != row.want {
				t.Errorf("%s: took %v, want %v", row.name, took, row.want)
			}
			if probe, other := w.note("one", ping), w.note("one", ack); !errors.Is(probe, errClosed) || other != nil {
				t.Errorf("%s: a probe afterwards: %v; another packet: %v", row.name, probe, other)
			}
		})
	}
}
