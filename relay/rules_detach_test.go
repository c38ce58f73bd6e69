package relay_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/project-iris/iris/relay"
	"github.com/project-iris/iris/relay/wire"
)

// That Leave leaves first, and returns when all is answered, is the network's share.
func TestRule27_CloseLeavesThenLetsAnswerThenIsAnswered(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.attach("svc")
		answered := make(chan struct{})
		a.member.onLeave = func(ctx context.Context) error {
			select {
			case <-answered:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		a.member.onReply = func(id uint64, ok bool, body []byte) {
			a.member.record("reply %d %v: %s", id, ok, body)
			close(answered)
		}
		if err := a.member.app.HandleRequest(1, []byte("?"), time.Minute); err != nil {
			t.Fatal(err)
		}
		a.expect(&wire.Call{ID: 1, Body: []byte("?"), Timeout: 60_000})
		a.send(&wire.Close{})
		a.expectNothing()
		a.member.expect(t, "leave")
		a.send(&wire.Reply{ID: 1, OK: true, Body: []byte("!")})
		a.expect(&wire.Closed{})
		a.member.expect(t, "reply 1 true: !", "close")
		a.expectEnd()
		n.log.expect(t) // nothing worth a line has happened
	})
}

func TestRule27_AnApplicationThatDoesNotAnswerIsDetachedWithinFiveSeconds(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.attach("svc")
		a.member.onLeave = func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}
		began := time.Now()
		a.send(&wire.Close{})
		a.expect(&wire.Closed{})
		if took := time.Since(began); took >= 5*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestRule27_CloseIsNotHeldUpByAnOfferThatIsNotConfirmed(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a, b := n.attach(""), n.attach("svc")
		a.member.onTunnel = n.mesh.tunnelTo(b.member)
		a.send(&wire.TunInit{ID: 1, Cluster: []byte("svc"), Timeout: 60_000})
		build := b.offer()
		b.send(&wire.Close{})
		began := time.Now()
		a.expect(&wire.TunResult{ID: 1, TimedOut: true}) // no other member is there
		if took := time.Since(began); took > 0 {
			t.Errorf("the tunnel was given up after %v, want at once", took)
		}
		b.expect(&wire.Closed{})
		b.write((&wire.TunConfirm{BuildID: build, ID: 1}).Append(nil))
	})
}

func TestRule27_CloseEndsTunnelsCleanly(t *testing.T) {
	inTunnel(t, relay.Config{}, func(t *testing.T, _ *node, a, b *application) {
		a.send(chunk(1, 3, "abc"), &wire.Close{})
		a.expectClosed(1)
		b.send(allow(1, 10))
		b.expect(chunk(1, 3, "abc"), &wire.TunClosed{ID: 1})
		for {
			if m := a.read(); m.Op() == wire.OpClose {
				break
			}
		}
		a.expectEnd()
	})
}

// One who closes its side of the stream right after its CLOSE reads on.
func TestRule27_CloseIsAnsweredWhenTheApplicationHasFinishedSending(t *testing.T) {
	n, addr := startTCP(t, relay.Config{})
	a := dialTCP(t, n, addr, "svc")
	a.member.onLeave = func(ctx context.Context) error {
		<-ctx.Done() // nothing can be answered any more, and nobody waits for it
		return ctx.Err()
	}
	a.member.app.HandleEvent([]byte("news"), []byte("last"))
	a.send(&wire.Close{})
	if err := a.conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	a.expect(&wire.Publish{Topic: []byte("news"), Event: []byte("last")}, &wire.Closed{})
	a.expectEnd()
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("took %v", took)
	}
}

// startTCP runs a relay on loopback TCP.
func startTCP(t *testing.T, config relay.Config) (n *node, addr string) {
	t.Helper()
	listeners, err := relay.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	n = newNode(t, config)
	served := make(chan error)
	for _, l := range listeners {
		go func() { served <- n.relay.Serve(l) }()
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		n.close(ctx)
		for range listeners {
			if err := <-served; err != nil {
				t.Errorf("Serve: %v", err)
			}
		}
	})
	return n, listeners[0].Addr().String()
}

// dialTCP attaches an application over TCP. Nobody else may attach meanwhile.
func dialTCP(t *testing.T, n *node, addr, cluster string) *application {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(time.Minute))
	a := newApplication(t, conn)
	a.send(hello(cluster))
	a.expect(&wire.Accept{Version: []byte(wire.Version)})
	a.member = n.mesh.last()
	return a
}

// The bytes that are under way when the socket is closed would reset it.
func TestRule28_AnApplicationThatStillSendsGetsItsAnswer(t *testing.T) {
	n, addr := startTCP(t, relay.Config{})
	for range 20 {
		a := dialTCP(t, n, addr, "")
		a.send(&wire.Close{})
		event := (&wire.Publish{Topic: []byte("news"), Event: make([]byte, 64<<10)}).Append(nil)
		for range 50 {
			a.write(event)
		}
		a.expect(&wire.Closed{})
		a.expectEnd()
		a.member.expectCalls(t, "leave", "close")
		a.conn.Close()
	}
}

// What is garbage is read and dropped too, once the application is detached.
func TestRule28_NothingThatIsSentAfterCloseCounts(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.attach("svc")
		release := make(chan struct{})
		a.member.onLeave = func(context.Context) error {
			<-release
			return nil
		}
		a.send(&wire.Close{}, request(1), tunInit(1), &wire.Subscribe{Topic: []byte("x")}, hello("svc"), &wire.Close{})
		a.member.expect(t, "leave")
		close(release)
		a.expect(&wire.Closed{})
		a.member.expect(t, "close")
	})
}

func TestRule29_ANodeThatStopsDropsTheSocketWithoutAClose(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.attach("svc")
		a.member.app.HandleEvent([]byte("news"), []byte("last"))
		stopped := make(chan struct{})
		go func() {
			defer close(stopped)
			n.relay.Close(t.Context())
		}()
		a.expect(&wire.Publish{Topic: []byte("news"), Event: []byte("last")}) // what waits is written
		a.expectEnd()
		<-stopped
	})
}

func TestRule30_AQuietConnectionIsNeverEnded(t *testing.T) {
	inBubble(t, relay.Config{}, func(t *testing.T, n *node) {
		a := n.attach("svc")
		quiet := n.attach("")
		quiet.write([]byte{byte(wire.OpPublish), 5, 'a'}) // in the middle of a frame
		time.Sleep(365 * 24 * time.Hour)
		a.expectAlive()
		quiet.write([]byte("live\x01e"))
		quiet.member.expect(t, "publish alive: e")
	})
}
