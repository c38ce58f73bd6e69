package client_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/project-iris/iris/node"
	"github.com/project-iris/iris/relay/client"
	"github.com/project-iris/iris/transport/identity"
)

// startNode starts a node of a network of its own, on a free port, and returns how to
// attach to it.
func startNode() (config client.Config, stop func()) {
	n, err := node.Start(node.Config{Network: "test", Key: identity.Generate(), Port: node.AnyPort})
	if err != nil {
		panic(err)
	}
	return client.Config{Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(n.Port()))}, n.Close
}

// testNode is startNode for a test, which may need a minute at most.
func testNode(t testing.TB) (context.Context, client.Config) {
	config, stop := startNode()
	t.Cleanup(stop)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx, config
}

// register attaches a member that is closed at the end, and has to close cleanly.
func register(t testing.TB, ctx context.Context, cluster string, service client.Service, config client.Config) *client.Conn {
	t.Helper()
	c, err := client.Register(ctx, cluster, service, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return c
}

func TestRequestsOfManyAtOnce(t *testing.T) {
	ctx, config := testNode(t)
	echo := func(_ context.Context, body []byte) ([]byte, error) { return body, nil }
	for range 3 {
		register(t, ctx, "echo", client.Service{Request: echo}, config)
	}
	c := register(t, ctx, "callers", client.Service{}, config)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			for j := range 40 {
				want := bytes.Repeat(fmt.Append(nil, i, j, "x"), j*100)
				if got, err := c.Request(ctx, "echo", want); err != nil || !bytes.Equal(got, want) {
					t.Errorf("request %d/%d: %d bytes, %v", i, j, len(got), err)
				}
			}
		})
	}
	wg.Wait()
}

// A service that leaves answers what it has in hand; the caller that comes next gets
// another member, or waits for one.
func TestLeavingLosesNoRequest(t *testing.T) {
	ctx, config := testNode(t)
	var handled atomic.Int64
	slow := client.Service{Request: func(_ context.Context, body []byte) ([]byte, error) {
		handled.Add(1)
		time.Sleep(time.Millisecond) // the work
		return body, nil
	}}
	caller := register(t, ctx, "callers", client.Service{}, config)
	var wg sync.WaitGroup
	const callers, each = 20, 50
	for range callers {
		wg.Go(func() {
			for range each {
				if _, err := caller.Request(ctx, "slow", []byte("x")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for leaving := true; leaving; {
		c, err := client.Register(ctx, "slow", slow, config)
		if err != nil {
			t.Fatal(err)
		}
		before := handled.Load()
		for handled.Load() < before+20 && leaving {
			select {
			case <-done:
				leaving = false
			case <-time.After(time.Millisecond):
			}
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if n := handled.Load(); n != callers*each {
		t.Errorf("%d requests were handled, %d times", callers*each, n)
	}
}

// Messages larger than any window, in both directions at once, and then a clean end.
func TestTunnelCarriesLargeMessages(t *testing.T) {
	ctx, config := testNode(t)
	ended := make(chan error, 1)
	register(t, ctx, "echo", client.Service{Tunnel: func(tun *client.Tunnel) {
		for {
			m, err := tun.Receive(ctx)
			if err == nil {
				err = tun.Send(ctx, m)
			}
			if err != nil {
				ended <- err
				return
			}
		}
	}}, config)
	small := config
	small.TunnelWindow = 1 // raised to a chunk
	c := register(t, ctx, "callers", client.Service{}, small)
	tun, err := c.Tunnel(ctx, "echo")
	if err != nil {
		t.Fatal(err)
	}
	sizes := []int{1, 65_535, 65_536, 65_537, 140_000, 4<<20 + 1, 10 << 20}
	sent := make(chan [32]byte, len(sizes))
	var wg sync.WaitGroup
	wg.Go(func() {
		for _, size := range sizes {
			m := random(size)
			sent <- sha256.Sum256(m)
			if err := tun.Send(ctx, m); err != nil {
				t.Error(err)
			}
		}
	})
	for _, size := range sizes {
		m, err := tun.Receive(ctx)
		if err != nil || len(m) != size || sha256.Sum256(m) != <-sent {
			t.Fatalf("%d bytes came back as %d, or other ones: %v", size, len(m), err)
		}
	}
	wg.Wait()
	if err := tun.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != io.EOF {
		t.Errorf("the other side ended with %v", err)
	}
}

// A sender that is closed at once: all that was written arrives.
func TestTunnelFlushesBeforeItsEnd(t *testing.T) {
	ctx, config := testNode(t)
	got := make(chan []byte, 1)
	register(t, ctx, "sink", client.Service{Tunnel: func(tun *client.Tunnel) {
		all, err := io.ReadAll(tun)
		if err != nil {
			t.Error(err)
		}
		got <- all
	}}, config)
	c := register(t, ctx, "callers", client.Service{}, config)
	tun, err := c.Tunnel(ctx, "sink")
	if err != nil {
		t.Fatal(err)
	}
	stream := random(10<<20 + 3)
	if n, err := io.Copy(tun, bytes.NewReader(stream)); n != int64(len(stream)) || err != nil {
		t.Errorf("copied %d, %v", n, err)
	}
	if err := tun.Close(); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(<-got, stream) {
		t.Error("the stream has changed")
	}
}

// A receiver that does not take anything slows its sender, and nothing else.
func TestASlowTunnelStallsNothing(t *testing.T) {
	ctx, config := testNode(t)
	release := make(chan struct{})
	c := register(t, ctx, "both", client.Service{
		Request: func(_ context.Context, b []byte) ([]byte, error) { return b, nil },
		Tunnel:  func(*client.Tunnel) { <-release },
	}, config)
	tun, err := c.Tunnel(ctx, "both")
	if err != nil {
		t.Fatal(err)
	}
	message := make([]byte, 1<<20)
	sent := 0
	for {
		soon, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		err := tun.Send(soon, message)
		cancel()
		if err != nil {
			if !errors.Is(err, client.ErrTimeout) {
				t.Fatal(err)
			}
			break
		}
		sent++
	}
	if sent < 4 || sent > 64 {
		t.Errorf("%d MiB went into a tunnel that nobody reads", sent)
	}
	if _, err := c.Request(ctx, "both", nil); err != nil {
		t.Error(err)
	}
	close(release)
	if err := tun.Close(); err != nil {
		t.Error(err)
	}
}

func TestANodeThatEndsIsNoticed(t *testing.T) {
	config, stop := startNode()
	told := make(chan struct{})
	started := make(chan struct{})
	c, err := client.Register(t.Context(), "slow", client.Service{
		Request: func(ctx context.Context, _ []byte) ([]byte, error) {
			close(started)
			<-ctx.Done()
			close(told)
			return nil, nil
		},
	}, config)
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		_, err := c.Request(t.Context(), "slow", nil)
		failed <- err
	}()
	<-started
	stop()
	<-c.Done()
	<-told
	for _, err := range []error{<-failed, c.Err(), c.Close()} {
		if !errors.Is(err, client.ErrClosed) {
			t.Errorf("error is %v", err)
		}
	}
}

// random returns bytes that are the same in each run.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1, 2, 3}).Read(b)
	return b
}
