package sdk

import (
	"errors"
	"io"
	"log"
	"net"
	"path/filepath"
	"time"

	"github.com/project-iris/iris/plugins/pluginrpc"
)

const (
	// linger is how long a connection lives on in one direction.
	linger = 2 * time.Second
	// block is how much is read at once, in bytes.
	block = 128 << 10
	// maxUnnamed is how many sockets may be there that have not named their connection.
	// More of them wait in the system: on Windows, anybody on this host can connect.
	maxUnnamed = 1024
	// acceptPause is the pause after a socket could not be accepted.
	acceptPause = time.Second
)

// A dataConn is one that the node has made to the data socket, such as *net.UnixConn.
type dataConn interface {
	net.Conn
	CloseWrite() error
}

// listenData opens the data socket: in the directory for sockets, which only the node's
// user can enter, and on Windows on loopback, as not all languages have another kind of
// socket there.
func listenData(goos, dir string) (net.Listener, error) {
	if goos == "windows" {
		return net.Listen("tcp", "127.0.0.1:0")
	}
	return net.Listen("unix", filepath.Join(dir, "data"))
}

// acceptData accepts the node's sockets, for as long as the listener is there.
func (s *server) acceptData(listener net.Listener) {
	unnamed := make(chan struct{}, maxUnnamed)
	for {
		unnamed <- struct{}{}
		node, err := listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // the process has too many files open, say
			log.Printf("data socket: %v", err)
			time.Sleep(acceptPause)
			<-unnamed
		default:
			go s.serveData(node.(dataConn), unnamed)
		}
	}
}

// serveData carries the connection that the node names.
func (s *server) serveData(node dataConn, unnamed <-chan struct{}) {
	conn := s.claimed(node)
	<-unnamed
	if conn == nil {
		_ = node.Close()
		return
	}
	s.carry(conn, node)
}

// claimed reads the name of a connection, and returns it, or nil.
func (s *server) claimed(node dataConn) net.Conn {
	var name id
	_ = node.SetReadDeadline(time.Now().Add(pluginrpc.ClaimTimeout))
	if _, err := io.ReadFull(node, name[:]); err != nil {
		return nil
	}
	_ = node.SetReadDeadline(time.Time{})
	return s.unclaimed.take(name[:])
}

// carry copies both ways until both have ended, or linger after one has. An error ends a
// direction like its end does: what came before it still arrives.
func (s *server) carry(conn net.Conn, node dataConn) {
	s.carrying.Add(1)
	defer s.carrying.Done()
	in, out := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(in)
		_, _ = io.CopyBuffer(node, conn, make([]byte, block))
		_ = node.CloseWrite()
	}()
	go func() {
		defer close(out)
		_, _ = io.CopyBuffer(conn, node, make([]byte, block))
		if half, ok := conn.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
	}()
	awaitBoth(in, out)
	_ = conn.Close()
	_ = node.Close()
	<-in
	<-out
}

// awaitBoth waits for one of two, and for linger after that for the other.
func awaitBoth(in, out <-chan struct{}) {
	second := out
	select {
	case <-in:
	case <-out:
		second = in
	}
	select {
	case <-second:
	case <-time.After(linger):
	}
}
