package tunnel_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/overlay/tunnel"
	"github.com/project-iris/iris/overlay/wire"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/mem"
)

// delay is what a stream of these tests takes in one direction.
const delay = 10 * time.Millisecond

// links returns the two ends of a link.
func links(t *testing.T) (near, far transport.Link) {
	t.Helper()
	network := mem.NewNetwork(mem.Config{Path: mem.Path{Delay: delay}})
	a, b := network.Node(transport.PeerID{1}), network.Node(transport.PeerID{2})
	listener, err := b.Listen(t.Context(), "mem://b")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan transport.Link, 1)
	go func() {
		l, err := listener.Accept(t.Context())
		if err != nil {
			t.Error(err)
		}
		accepted <- l
	}()
	near, err = a.Dial(t.Context(), "mem://b", transport.PeerID{2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = a.Close()
		_ = b.Close()
	})
	return near, <-accepted
}

// open opens a tunnel over a link, whose other end offers it with the function.
func open(t *testing.T, near, far transport.Link, f, g *tunnel.Farewells, offer func(context.Context, []byte, *tunnel.End) wire.Verdict) (*tunnel.End, error) {
	t.Helper()
	go func() {
		s, err := far.Accept(far.Context())
		if err != nil {
			t.Error(err)
			return
		}
		tunnel.Accept(far.Context(), s, g, offer)
		s.Reset(transport.CodeNone)
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	s, err := near.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return tunnel.Open(ctx, s, []byte("cluster"), f, func() {})
}

// What is written at one end is read at the other, what was written before a close arrives,
// and each end's close is told once.
func TestATunnelBetweenNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := links(t)
		var f, g tunnel.Farewells
		taken, closed := make(chan *tunnel.End, 1), 0
		a, err := open(t, near, far, &f, &g, func(ctx context.Context, cluster []byte, end *tunnel.End) wire.Verdict {
			if deadline, ok := ctx.Deadline(); string(cluster) != "cluster" || !ok || time.Until(deadline) > time.Second {
				t.Errorf("offered a tunnel to %q until %v", cluster, deadline)
			}
			end.OnClose(func() { closed++ })
			taken <- end
			return wire.VerdictTaken
		})
		if err != nil {
			t.Fatal(err)
		}
		b := <-taken
		sent := bytes.Repeat([]byte("0123456789"), 1000)
		go func() {
			_, _ = a.Write(sent)
			_ = a.Close()
			_ = a.Close()
		}()
		got, err := io.ReadAll(b)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%d bytes of %d arrived: %v", len(got), len(sent), err)
		}
		if _, err := b.Write([]byte("back")); err == nil {
			t.Error("wrote to an end that was closed")
		}
		_ = b.Close()
		_ = b.Close()
		synctest.Wait()
		if closed != 1 {
			t.Errorf("the close was told %d times", closed)
		}
		f.Wait()
		g.Wait()
	})
}

// Who refuses a tunnel, and who has no member for it, are told apart; and a node that says
// nothing is waited for until the context ends.
func TestATunnelThatIsNotTaken(t *testing.T) {
	for _, row := range []struct {
		name  string
		offer func(ctx context.Context, _ []byte, _ *tunnel.End) wire.Verdict
		want  error
	}{
		{"refused", func(context.Context, []byte, *tunnel.End) wire.Verdict { return wire.VerdictRefused }, tunnel.ErrRefused},
		{"no member", func(context.Context, []byte, *tunnel.End) wire.Verdict { return wire.VerdictNoMember }, tunnel.ErrNoMember},
		{"silence", func(ctx context.Context, _ []byte, _ *tunnel.End) wire.Verdict {
			<-ctx.Done()
			return wire.VerdictRefused
		}, context.DeadlineExceeded},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := links(t)
				var f, g tunnel.Farewells
				began := time.Now()
				_, err := open(t, near, far, &f, &g, row.offer)
				if row.want == context.DeadlineExceeded {
					if err == nil || time.Since(began) > time.Second+4*delay {
						t.Errorf("%v, after %v", err, time.Since(began))
					}
				} else if !errors.Is(err, row.want) {
					t.Errorf("%v, want %v", err, row.want)
				}
				time.Sleep(2 * time.Second)
			})
		})
	}
}

// A stream that does not say soon for whom it is, or says it badly, is let go.
func TestAStreamThatIsNoTunnel(t *testing.T) {
	for _, head := range []string{"\x85", "\x05", "\xff\xff\xff\xff\x7f", "\x01\x00"} {
		synctest.Test(t, func(t *testing.T) {
			near, far := links(t)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				s, err := far.Accept(far.Context())
				if err != nil {
					t.Error(err)
					return
				}
				var f tunnel.Farewells
				tunnel.Accept(far.Context(), s, &f, func(context.Context, []byte, *tunnel.End) wire.Verdict {
					t.Errorf("%q was offered", head)
					return wire.VerdictRefused
				})
				s.Reset(transport.CodeNone)
			}()
			s, err := near.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			_, _ = s.Write([]byte(head))
			<-ended
			if took := time.Since(began); took > 1100*time.Millisecond {
				t.Errorf("%q was waited for %v", head, took)
			}
		})
	}
}

// The two ends of a pipe are closed together, and closed is called once.
func TestAPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := 0
		near, far := tunnel.Pipe(func() { closed++ })
		go func() {
			_, _ = near.Write([]byte("hello"))
			_ = near.Close()
		}()
		if got, err := io.ReadAll(far); err != nil || string(got) != "hello" {
			t.Errorf("read %q, %v", got, err)
		}
		if _, err := far.Write([]byte("back")); err == nil {
			t.Error("wrote to an end that was closed")
		}
		_ = far.Close()
		if closed != 1 {
			t.Errorf("closed %d times", closed)
		}
		near, far = tunnel.Pipe(func() {})
		_ = far.CloseRead()
		if _, err := near.Write([]byte("x")); err == nil {
			t.Error("wrote to an end that is read no more")
		}
		go func() { _, _ = far.Write([]byte("still")) }()
		got := make([]byte, 5)
		if _, err := io.ReadFull(near, got); err != nil || string(got) != "still" {
			t.Errorf("read %q, %v", got, err)
		}
	})
}
