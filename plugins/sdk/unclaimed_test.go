package sdk

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/plugins/pluginrpc"
)

// A pipe returns a connection, and a channel that is closed when it is.
func pipe() (conn net.Conn, closed <-chan struct{}) {
	conn, peer := net.Pipe()
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = io.Copy(io.Discard, peer)
	}()
	return conn, over
}

func isClosed(c <-chan struct{}) bool {
	synctest.Wait()
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// A connection is claimed once, by its whole id.
func TestClaim(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(Transport{})
		conn, closed := pipe()
		told, err := s.unclaimed.add(conn)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range [][]byte{nil, told.GetId()[:15], make([]byte, 16), append(told.GetId(), 0)} {
			if s.unclaimed.take(name) != nil {
				t.Errorf("%x claims it", name)
			}
		}
		if s.unclaimed.take(told.GetId()) != conn || s.unclaimed.take(told.GetId()) != nil {
			t.Error("it is not claimed once")
		}
		time.Sleep(2 * pluginrpc.ClaimTimeout)
		if isClosed(closed) {
			t.Error("it was closed after it was claimed")
		}
		_ = conn.Close()
	})
}

// Connections that nobody claims are closed in time, and are not too many.
func TestUnclaimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(Transport{})
		var waiting []<-chan struct{}
		for range maxUnclaimed {
			conn, closed := pipe()
			if _, err := s.unclaimed.add(conn); err != nil {
				t.Fatal(err)
			}
			waiting = append(waiting, closed)
		}
		conn, closed := pipe()
		if _, err := s.unclaimed.add(conn); !errors.Is(err, errBusy) || !isClosed(closed) {
			t.Errorf("%v for one too many; want errBusy, and its end", err)
		}
		time.Sleep(pluginrpc.ClaimTimeout + time.Second)
		for _, closed := range waiting {
			if !isClosed(closed) {
				t.Fatal("a connection is still there")
			}
		}
		if len(s.unclaimed.conns) != 0 {
			t.Errorf("%d connections wait", len(s.unclaimed.conns))
		}
	})
}

// A node that sends on when the peer has ended is cut off after a while, and not before.
func TestOneDirectionDoesNotLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(Transport{})
		conn, peer := net.Pipe()
		carrying, node := net.Pipe()
		began := time.Now()
		go s.carry(ended{conn}, half{carrying})
		_ = node.SetReadDeadline(time.Now().Add(time.Hour))
		if _, err := peer.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the peer reads %v", err)
		}
		if took := time.Since(began); took != linger {
			t.Errorf("cut off after %v, want %v", took, linger)
		}
		_, _ = io.Copy(io.Discard, node)
		s.carrying.Wait()
	})
}

// An ended connection is one whose peer says nothing more.
type ended struct{ net.Conn }

func (ended) Read([]byte) (int, error) { return 0, io.EOF }

// A half is a socket whose other direction goes on after CloseWrite.
type half struct{ net.Conn }

func (half) CloseWrite() error { return nil }

// Options are refused by a plugin that has none, and configuring it is done once.
func TestConfigure(t *testing.T) {
	t.Setenv(pluginrpc.SocketDirKey, t.TempDir())
	s := newServer(Transport{})
	request := &pluginrpc.ConfigureRequest{Options: map[string]string{"colour": "red"}}
	if _, err := s.Configure(t.Context(), request); err == nil {
		t.Error("it takes any option")
	}
	s = newServer(Transport{})
	if _, err := s.Configure(t.Context(), &pluginrpc.ConfigureRequest{}); err != nil {
		t.Error(err)
	}
	if _, err := s.Configure(t.Context(), &pluginrpc.ConfigureRequest{}); err == nil {
		t.Error("it is configured twice")
	}
}
