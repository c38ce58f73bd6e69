package sdk

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/plugins/pluginrpc"
)

// A connection's bytes pass the data socket both ways, on every system's kind of socket.
func TestDataSocket(t *testing.T) {
	for goos, network := range map[string]string{"linux": "unix", "windows": "tcp"} {
		t.Run(network, func(t *testing.T) {
			data, err := listenData(goos, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer data.Close()
			s := newServer(Transport{})
			go s.acceptData(data)
			conn, peer := net.Pipe()
			told, err := s.unclaimed.add(conn)
			if err != nil {
				t.Fatal(err)
			}
			if data.Addr().Network() != network {
				t.Errorf("it listens on %s", data.Addr().Network())
			}
			node, err := net.Dial(network, data.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer node.Close()
			go func() {
				_, _ = node.Write(append(told.GetId(), "to the peer"...))
				_, _ = peer.Read(make([]byte, 11))
				_, _ = peer.Write([]byte("to the node"))
				_ = peer.Close()
			}()
			if got, err := io.ReadAll(node); string(got) != "to the node" || err != nil {
				t.Errorf("the node reads %q, %v", got, err)
			}
		})
	}
}

// Who names no connection that is there is cut off.
func TestStrangersAtTheDataSocket(t *testing.T) {
	data, err := listenData("linux", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	go newServer(Transport{}).acceptData(data)
	for _, name := range [][]byte{make([]byte, pluginrpc.IDSize), []byte("GET / HTTP/1.1\r\n\r\n"), nil} {
		stranger, err := net.Dial("unix", data.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = stranger.Write(name)
		_ = stranger.(*net.UnixConn).CloseWrite()
		_ = stranger.SetReadDeadline(time.Now().Add(time.Minute))
		if got, err := io.ReadAll(stranger); len(got) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%q is told %q, %v", name, got, err)
		}
		_ = stranger.Close()
	}
}

// A crowd is a listener at which there is always one more, who says nothing. At first it
// fails.
type crowd struct {
	net.Listener
	failures, accepted atomic.Int64
	over               atomic.Bool
}

func (c *crowd) Accept() (net.Conn, error) {
	switch {
	case c.over.Load():
		return nil, net.ErrClosed
	case c.failures.Add(-1) >= 0:
		return nil, errors.New("too many open files")
	}
	c.accepted.Add(1)
	node, _ := net.Pipe()
	return half{node}, nil
}

// Sockets that name nothing are bounded in number and time, and a plugin that had too many
// files open for a while accepts again.
func TestCrowdAtTheDataSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{}
		c.failures.Store(3)
		go newServer(Transport{}).acceptData(c)
		time.Sleep(3 * acceptPause)
		for round := int64(1); round <= 2; round++ {
			synctest.Wait()
			if got := c.accepted.Load(); got != round*maxUnnamed {
				t.Errorf("%d are accepted in round %d, want %d", got, round, round*maxUnnamed)
			}
			c.over.Store(round == 2)
			time.Sleep(pluginrpc.ClaimTimeout)
		}
	})
}
