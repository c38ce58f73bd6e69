package relay_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/relay"
	"github.com/project-iris/iris/relay/internal/conversation"
	"github.com/project-iris/iris/relay/wire"
)

// echo makes a network that gives an application back whatever it sends, tunnels
// included.
func (f *fakeMesh) echo() {
	f.onAttach = func(m *fakeMember) error {
		app := m.app
		m.onRequest = func(id uint64, _, body []byte, timeout time.Duration) {
			if err := app.HandleRequest(id, body, timeout); err != nil {
				app.HandleFault(id, []byte(err.Error()))
			}
		}
		m.onReply = func(id uint64, ok bool, body []byte) {
			if ok {
				app.HandleReply(id, body)
			} else {
				app.HandleTimeout(id)
			}
		}
		m.onBroadcast = func(_, message []byte) { app.HandleBroadcast(message) }
		m.onPublish = app.HandleEvent
		m.onTunnel = func(ctx context.Context, cluster []byte) (relay.Stream, error) {
			return f.tunnelTo(m)(ctx, cluster)
		}
		return nil
	}
}

// FuzzSession takes any bytes from an application, after its INIT or in place of
// it: the relay survives them, what it sends are frames, and nothing is left of the
// session when it has ended.
func FuzzSession(f *testing.F) {
	addRecordings(f)
	f.Add(true, []byte{})
	f.Add(false, hello("svc").Append(nil))
	f.Add(true, tunnelToItself())
	f.Fuzz(func(t *testing.T, attached bool, data []byte) {
		inBubble(t, relay.Config{QueueLimit: 64 << 10, Tunnels: 8, PayloadLimit: 1 << 20}, func(t *testing.T, n *node) {
			n.mesh.echo()
			a := n.dial()
			ended := make(chan error, 1)
			go func() {
				for {
					if _, err := a.reader.Read(); err != nil {
						ended <- err
						return
					}
				}
			}()
			if attached {
				a.send(hello("svc"))
			}
			_, _ = a.conn.Write(data) // fails when the relay ends the connection
			synctest.Wait()
			a.conn.Close()
			if err := <-ended; !isEnd(err) {
				t.Errorf("the relay sent what is no frame: %v", err)
			}
		})
	})
}

func isEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, io.ErrUnexpectedEOF)
}

// addRecordings adds the streams of the recorded applications, without their INIT.
func addRecordings(f *testing.F) {
	conversations, err := conversation.Load(os.DirFS("testdata/conversations"))
	if err != nil {
		f.Fatal(err)
	}
	for _, c := range conversations {
		for _, conn := range c.Conns() {
			stream := c.Stream(conn, conversation.Client)
			init := wire.NewReader(bytes.NewReader(stream), wire.FromApplication, wire.Limits{})
			m, err := init.Read()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(true, stream[m.Size():min(len(stream), 2<<10)])
		}
	}
}

// tunnelToItself opens a tunnel of an application to itself, carries a message
// and closes it.
func tunnelToItself() []byte {
	var b []byte
	for _, m := range []wire.Message{
		tunInit(1), &wire.TunConfirm{BuildID: 0, ID: 2}, allow(1, 100), allow(2, 100),
		chunk(2, 4, "abc"), chunk(2, 0, "d"), chunk(2, 0, "orphan"), chunk(2, 1, ""), &wire.TunClose{ID: 2},
		&wire.Publish{Topic: []byte("t"), Event: []byte("e")}, request(5), &wire.Reply{ID: 5, OK: true}, &wire.Close{},
	} {
		b = m.Append(b)
	}
	return b
}
