package secure_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity/identitytest"
	"github.com/project-iris/iris/transport/secure"
)

// from is a connection from an address.
type from struct {
	net.Conn
	ip string
}

func (c from) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(c.ip), Port: 1} }

// far returns the ends of a connection on which everything takes a while.
func far(t *testing.T, delay time.Duration) (ours, theirs net.Conn) {
	ours, near := net.Pipe()
	theirs, distant := net.Pipe()
	var wires sync.WaitGroup
	wires.Go(func() { wire(near, distant, delay) })
	wires.Go(func() { wire(distant, near, delay) })
	t.Cleanup(func() {
		_ = near.Close()
		_ = distant.Close()
		wires.Wait()
	})
	return ours, theirs
}

// wire carries one direction.
func wire(in, out net.Conn, delay time.Duration) {
	type piece struct {
		due  time.Time
		data []byte
	}
	pieces := make(chan piece, 1000)
	var carrying sync.WaitGroup
	defer carrying.Wait()
	carrying.Go(func() {
		defer out.Close()
		for p := range pieces {
			time.Sleep(time.Until(p.due))
			if _, err := out.Write(p.data); err != nil {
				_ = in.Close()
			}
		}
	})
	defer close(pieces)
	for {
		data := make([]byte, 64<<10)
		n, err := in.Read(data)
		if err != nil {
			return
		}
		pieces <- piece{time.Now().Add(delay), data[:n]}
	}
}

// A member who is 100 ms away gets its link while strangers open 7,000 connections a second
// and say nothing, wherever they come from.
func TestAFloodOfConnectionsKeepsNoMemberOut(t *testing.T) {
	const (
		member = "10.0.0.1"
		half   = 50 * time.Millisecond // the way there, or back
	)
	for name, source := range map[string]func(i int) string{
		"from another address":      func(int) string { return "10.0.0.2" },
		"from the member's address": func(int) string { return member },
		"from an address each":      func(i int) string { return fmt.Sprintf("10.1.%d.%d", i>>8&255, i&255) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := identitytest.NewNetwork(t, "net")
				flooded := endpoint(t, secure.Config{Identity: network.Node(t)})
				pipes, listener := serve(t, flooded)
				flood, stop := context.WithCancel(t.Context())
				var flooding sync.WaitGroup
				flooding.Go(func() {
					for i := 0; flood.Err() == nil; i++ {
						if i%7 == 0 {
							time.Sleep(time.Millisecond)
						}
						_, theirs := net.Pipe()
						pipes.conns <- from{theirs, source(i)}
					}
				})
				time.Sleep(100 * time.Millisecond)
				dialler := endpoint(t, secure.Config{Identity: network.Node(t)})
				start := time.Now()
				var err error
				for linked := false; !linked && time.Since(start) < 5*time.Second; {
					ours, theirs := far(t, half)
					// A listener sees a connection when the last packet of its three has come, and
					// with that what the dialler has sent at once.
					time.AfterFunc(half, func() { pipes.conns <- from{theirs, member} })
					_, err = dialler.Dial(t.Context(), ours, "far", transport.PeerID{})
					if linked = err == nil; linked {
						_, err = listener.Accept(t.Context())
					}
				}
				stop()
				flooding.Wait()
				if flooded.Evicted() == 0 {
					t.Error("no stranger is counted that made room")
				}
				if took := time.Since(start); err != nil || took > 5*time.Second {
					t.Errorf("after %v: %v", took, err)
				} else {
					t.Logf("linked after %v", took)
				}
			})
		})
	}
}
