package relay_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/relay"
	"github.com/project-iris/iris/relay/internal/conversation"
	"github.com/project-iris/iris/relay/wire"
)

// TestReplay plays the applications of the recorded conversations against a relay
// and an overlay of today, at the pace of the recording: bindings of 2014, services
// included, get the frames that they got from the node of their time. What differs,
// and is left out of the comparison, is how grants are cut, the order of events and
// broadcasts, which that node did not keep, and what happens first on different
// connections: that node confirmed a tunnel before its acceptor had.
func TestReplay(t *testing.T) {
	conversations, err := conversation.Load(os.DirFS("testdata/conversations"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range conversations {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { replay(t, c) })
		})
	}
}

func replay(t *testing.T, c *conversation.Conversation) {
	network := overlay.New(overlay.Config{})
	r := relay.New(relay.Config{Mesh: realMesh{network}})
	l := make(pipeListener)
	go r.Serve(l)
	defer network.Close()
	defer r.Close(context.Background())

	begin := time.Now()
	apps := make(map[int]*replayed)
	for _, read := range c.Reads {
		time.Sleep(time.Until(begin.Add(read.At)))
		app := apps[read.Conn]
		if app == nil {
			app = attachReplayed(l)
			apps[read.Conn] = app
			defer app.conn.Close()
		}
		if read.From == conversation.Relay {
			app.recorded = append(app.recorded, read.Bytes...)
		} else {
			app.script = append(app.script, line{after: framesOf(t, app.recorded), bytes: read.Bytes})
		}
		for synctest.Wait(); speak(t, apps); synctest.Wait() {
		}
	}
	for conn, app := range apps {
		want, got := framesOf(t, app.recorded), framesOf(t, app.received())
		if !slices.Equal(got.ordered, want.ordered) || !slices.Equal(got.events, want.events) {
			t.Errorf("connection %d got\n%q\nwant\n%q", conn, got, want)
		}
		if len(app.script) > 0 {
			t.Errorf("connection %d: %d lines are left unsaid", conn, len(app.script))
		}
	}
}

// speak lets each application say its next line, if it has been told what it was
// told in the recording before it said that. It reports whether any has.
func speak(t *testing.T, apps map[int]*replayed) bool {
	t.Helper()
	spoken := false
	for _, app := range apps {
		if len(app.script) == 0 {
			continue
		}
		next, told := app.script[0], framesOf(t, app.received())
		if len(told.ordered) < len(next.after.ordered) || len(told.events) < len(next.after.events) {
			continue
		}
		app.script = app.script[1:]
		spoken = true
		if len(next.bytes) == 0 {
			app.conn.Close()
		} else if _, err := app.conn.Write(next.bytes); err != nil {
			t.Fatal(err)
		}
	}
	return spoken
}

// realMesh is an overlay as the relay wants it.
type realMesh struct{ overlay *overlay.Overlay }

func (m realMesh) Attach(cluster []byte, app relay.Application) (relay.Member, error) {
	return m.overlay.Attach(cluster, app)
}

// pipeListener accepts the far ends of pipes, which work in virtual time.
type pipeListener chan net.Conn

func (l pipeListener) Accept() (net.Conn, error) {
	conn, ok := <-l
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (l pipeListener) Close() error   { close(l); return nil }
func (l pipeListener) Addr() net.Addr { return &net.TCPAddr{} }

// replayed is one application of a recording.
type replayed struct {
	conn     net.Conn
	recorded []byte // what the node of the recording has sent so far
	script   []line // what it has yet to say

	mu  sync.Mutex
	got []byte // what our relay has sent so far
}

// line is what an application says after it has been told something.
type line struct {
	after frames
	bytes []byte // none: it closes the connection
}

func attachReplayed(l pipeListener) *replayed {
	conn, far := net.Pipe()
	l <- far
	app := &replayed{conn: conn}
	go func() {
		buf := make([]byte, 32<<10)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			app.mu.Lock()
			app.got = append(app.got, buf[:n]...)
			app.mu.Unlock()
		}
	}()
	return app
}

func (app *replayed) received() []byte {
	app.mu.Lock()
	defer app.mu.Unlock()
	return slices.Clone(app.got)
}

// frames are what a node sent, in words.
type frames struct {
	ordered []string
	events  []string // events and broadcasts, sorted
}

// framesOf puts the whole frames of a stream into words.
func framesOf(t *testing.T, stream []byte) frames {
	t.Helper()
	var f frames
	r := wire.NewReader(bytes.NewReader(stream), wire.FromRelay, wire.Limits{})
	for {
		m, err := r.Read()
		if violation := (*wire.ViolationError)(nil); errors.As(err, &violation) {
			t.Fatal(err)
		}
		if err != nil {
			slices.Sort(f.events)
			return f
		}
		switch m := m.(type) {
		case *wire.TunAllow:
		case *wire.Publish, *wire.Delivery:
			f.events = append(f.events, describe(m))
		default:
			f.ordered = append(f.ordered, describe(m))
		}
	}
}

func describe(m wire.Message) string {
	b := m.Append(nil)
	if len(b) > 64 {
		return fmt.Sprintf("%v %x… (%d bytes, SHA-256 %x)", m.Op(), b[:16], len(b), sha256.Sum256(b))
	}
	return fmt.Sprintf("%v %x", m.Op(), b)
}
