package client_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/nettest"

	"github.com/project-iris/iris/node"
	"github.com/project-iris/iris/relay/client"
	"github.com/project-iris/iris/tcp"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
)

func overTCP(id *identity.Identity, versions transport.Versions, log *slog.Logger) (transport.Transport, error) {
	return tcp.New(tcp.Config{Identity: id, Versions: versions, Logger: log}), nil
}

// twoNodes starts a network of two nodes and returns how to attach to each.
func twoNodes(t *testing.T) (a, b client.Config) {
	t.Helper()
	key := identity.Generate()
	var configs [2]client.Config
	var join []string
	for i := range configs {
		n, err := node.Start(node.Config{
			Network: "test", Key: key, Port: node.AnyPort, Bind: "127.0.0.1:0", Join: join,
			Transports: []node.NewTransport{overTCP},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(n.Close)
		join = []string{n.PeerAddr()}
		configs[i].Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(n.Port()))
	}
	return configs[0], configs[1]
}

// listen listens, and closes cleanly at the end.
func listen(t *testing.T, ctx context.Context, cluster string, config client.Config) *client.Listener {
	t.Helper()
	l, err := client.Listen(ctx, cluster, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Errorf("close the listener: %v", err)
		}
	})
	return l
}

// pair returns the two ends of a stream.
func pair(ctx context.Context, c *client.Conn, l *client.Listener) (dialled, accepted *client.Stream, err error) {
	dialled, err = c.Dial(ctx, l.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	conn, err := l.Accept()
	if err != nil {
		return nil, nil, err
	}
	return dialled, conn.(*client.Stream), nil
}

// stream returns the two ends of a stream at a node of its own.
func stream(t *testing.T) (dialled, accepted *client.Stream) {
	t.Helper()
	ctx, config := testNode(t)
	l := listen(t, ctx, "sink", config)
	dialled, accepted, err := pair(ctx, register(t, ctx, "callers", client.Service{}, config), l)
	if err != nil {
		t.Fatal(err)
	}
	return dialled, accepted
}

// The suite that package net's own connections pass.
func TestAStreamIsANetConn(t *testing.T) {
	for _, row := range []struct {
		name  string
		nodes func(t *testing.T) (a, b client.Config)
	}{
		{"over a node", func(t *testing.T) (client.Config, client.Config) {
			_, config := testNode(t)
			return config, config
		}},
		{"between nodes", twoNodes},
	} {
		t.Run(row.name, func(t *testing.T) {
			a, b := row.nodes(t)
			l := listen(t, t.Context(), "suite", a)
			c := register(t, t.Context(), "callers", client.Service{}, b)
			nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
				dialled, accepted, err := pair(t.Context(), c, l)
				if err != nil {
					return nil, nil, nil, err
				}
				stop := func() {
					_ = dialled.Close()
					_ = accepted.Close()
				}
				return dialled, accepted, stop, nil
			})
		})
	}
}

// Each side ends its writing alone, and hears the other one out. More is sent than all
// windows hold.
func TestAStreamHasHalfClose(t *testing.T) {
	dialled, accepted := stream(t)
	sent := string(random(20 << 20))
	done := make(chan error, 1)
	go func() {
		_, err := io.Copy(dialled, strings.NewReader(sent))
		done <- errors.Join(err, dialled.CloseWrite())
	}()
	got, err := io.ReadAll(accepted)
	if err != nil || string(got) != sent {
		t.Errorf("%d bytes arrived of %d, %v", len(got), len(sent), err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	go func() {
		_, err := accepted.Write(got[:10<<20])
		done <- errors.Join(err, accepted.Close())
	}()
	back, err := io.ReadAll(dialled)
	if err != nil || string(back) != sent[:10<<20] {
		t.Errorf("%d bytes came back, %v", len(back), err)
	}
	if err := <-done; err != nil {
		t.Errorf("write after the other side's end: %v", err)
	}
	if err := dialled.Close(); err != nil {
		t.Error(err)
	}
}

// What was written arrives before the reset, and it is no good end.
func TestAStreamIsReset(t *testing.T) {
	dialled, accepted := stream(t)
	defer accepted.Close()
	if _, err := io.WriteString(dialled, "half of"); err != nil {
		t.Error(err)
	}
	if err := dialled.Reset("the disk is full"); err != nil {
		t.Error(err)
	}
	got, err := io.ReadAll(accepted)
	reset, ok := errors.AsType[*client.ResetError](err)
	if string(got) != "half of" || !ok || reset.Reason != "the disk is full" {
		t.Errorf("read %q, %v", got, err)
	}
	if _, err := accepted.Write([]byte("x")); !errors.As(err, &reset) {
		t.Errorf("write: %v", err)
	}
}

// A listener that is closed lets its streams go on, and detaches after the last one.
func TestAListenerThatIsClosedKeepsItsStreams(t *testing.T) {
	ctx, config := testNode(t)
	l := listen(t, ctx, "service", config)
	c := register(t, ctx, "callers", client.Service{}, config)
	dialled, accepted, err := pair(ctx, c, l)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept: %v", err)
	}
	next := listen(t, ctx, "service", config)
	for range 4 { // though the closed one has less in hand soon
		other, taken, err := pair(ctx, c, next)
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		defer taken.Close()
	}
	if _, err := io.WriteString(dialled, "still"); err != nil {
		t.Error(err)
	}
	if err := dialled.Close(); err != nil {
		t.Error(err)
	}
	if got, err := io.ReadAll(accepted); string(got) != "still" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	if err := accepted.Close(); err != nil {
		t.Error(err)
	}
	select {
	case <-l.Conn().Done():
	default:
		t.Error("the listener is still attached")
	}
}

// Who leaves takes what was dialled before, and nothing after; who dials then waits for
// somebody else.
func TestAListenerThatLeavesKeepsItsStreams(t *testing.T) {
	a, b := twoNodes(t)
	ctx := t.Context()
	l := listen(t, ctx, "service", a)
	c := register(t, ctx, "callers", client.Service{}, b)
	first, accepted, err := pair(ctx, c, l)
	if err != nil {
		t.Fatal(err)
	}
	second, err := c.Dial(ctx, "service") // Accept has not been called for it
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.Leave(ctx); err != nil {
			t.Fatal(err)
		}
	}
	soon, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if _, err := c.Dial(soon, "service"); !errors.Is(err, client.ErrTimeout) {
		t.Errorf("dial: %v", err)
	}
	late, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, ends := range [][2]net.Conn{{first, accepted}, {second, late}} {
		if _, err := io.WriteString(ends[0], "still"); err != nil {
			t.Error(err)
		}
		if err := ends[0].Close(); err != nil {
			t.Error(err)
		}
		if got, err := io.ReadAll(ends[1]); string(got) != "still" || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
		if err := ends[1].Close(); err != nil {
			t.Error(err)
		}
	}
}

// A service may look first whether it takes a stream, and learns for whom it is.
func TestAServiceAcceptsAndRefusesStreams(t *testing.T) {
	ctx, config := testNode(t)
	sources := make(chan string, 2)
	refuse := true
	c := register(t, ctx, "picky", client.Service{Tunnel: func(tun *client.Tunnel) {
		if refuse {
			refuse = false
			if err := tun.RefuseStream(ctx, "not today"); err != nil {
				t.Error(err)
			}
			return
		}
		s, err := tun.AcceptStream(ctx)
		if err != nil {
			t.Error(err)
			return
		}
		sources <- s.Source()
		_ = s.Close()
	}}, config)
	_, err := c.Dial(ctx, "picky")
	if reset, ok := errors.AsType[*client.ResetError](err); !ok || reset.Reason != "not today" {
		t.Errorf("dial: %v", err)
	}
	address := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 49152}
	for _, row := range []struct {
		source net.Addr
		want   string
	}{{nil, ""}, {address, "192.0.2.7:49152"}, {client.Addr{Name: strings.Repeat("x", 256)}, ""}, {client.Addr{Name: "\xff"}, ""}} {
		s, err := c.DialFrom(ctx, "picky", row.source)
		if err != nil {
			t.Fatal(err)
		}
		if got := <-sources; got != row.want || s.Source() != "" {
			t.Errorf("source is %q, want %q", got, row.want)
		}
		_ = s.Close()
	}
}

// A member that uses its tunnels as before is recognised, and so is who opens a plain
// tunnel to a listener.
func TestStreamsAndPlainTunnelsTellEachOtherApart(t *testing.T) {
	ctx, config := testNode(t)
	c := register(t, ctx, "echo", client.Service{Tunnel: func(tun *client.Tunnel) {
		for {
			m, err := tun.Receive(ctx)
			if err != nil || tun.Send(ctx, m) != nil {
				return
			}
		}
	}}, config)
	if _, err := c.Dial(ctx, "echo"); !errors.As(err, new(*client.StreamError)) {
		t.Errorf("dial: %v", err)
	}
	register(t, ctx, "no tunnels", client.Service{}, config)
	if _, err := c.Dial(ctx, "no tunnels"); !errors.Is(err, client.ErrClosed) {
		t.Errorf("dial: %v", err)
	}
	l := listen(t, ctx, "streams", config)
	tun, err := c.Tunnel(ctx, "streams")
	if err != nil {
		t.Fatal(err)
	}
	if err := tun.Send(ctx, []byte("hello")); err != nil {
		t.Error(err)
	}
	m, err := tun.Receive(ctx)
	if want := "\x03no stream: the first message is none of a stream: it may be a plain one"; string(m) != want {
		t.Errorf("received %q, %v", m, err)
	}
	if m, err := tun.Receive(ctx); err != io.EOF {
		t.Errorf("received %q, %v", m, err)
	}
	if err := tun.Close(); err != nil {
		t.Error(err)
	}
	if n := l.Conn().Stats().RefusedStreams; n != 1 {
		t.Errorf("%d streams were refused", n)
	}
}
