package sdk

import (
	"io"
	"log"
	"net"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/project-iris/iris/plugins/pluginrpc"
)

const (
	// linger is how long a connection lives on in one direction.
	linger = 2 * time.Second
	// block is how much is read at once, in bytes.
	block = 128 << 10
)

// A carrier carries a connection's bytes to the node and back.
type carrier interface {
	io.ReadWriter
	CloseWrite() error
	Close() error
}

// listenData carries connections over a Unix socket. It reports whether that is possible.
func (s *server) listenData(path string) bool {
	if path == "" {
		return false
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		log.Printf("no data socket: %v", err)
		return false
	}
	go s.acceptData(listener)
	return true
}

// acceptData runs for as long as the process.
func (s *server) acceptData(listener *net.UnixListener) {
	for {
		node, err := listener.AcceptUnix()
		if err != nil {
			log.Printf("data socket: %v", err)
			return
		}
		go s.carryOnSocket(node)
	}
}

func (s *server) carryOnSocket(node *net.UnixConn) {
	var name id
	_ = node.SetReadDeadline(time.Now().Add(pluginrpc.ClaimTimeout))
	_, err := io.ReadFull(node, name[:])
	conn := s.unclaimed.take(name[:])
	if err != nil || conn == nil {
		_ = node.Close()
		return
	}
	_ = node.SetReadDeadline(time.Time{})
	s.carry(conn, node)
}

// Carry carries a connection by messages.
func (s *server) Carry(chunks pluginrpc.Transport_CarryServer) error {
	first, err := chunks.Recv()
	if err != nil {
		return err
	}
	conn := s.unclaimed.take(first.GetConnection())
	if conn == nil {
		return status.Error(codes.NotFound, "no such connection")
	}
	s.carry(conn, &chunkCarrier{chunks: chunks})
	return nil
}

// carry copies both ways until both have ended, or linger after one has. An error ends a
// direction like its end does: what came before it still arrives.
//
// It waits for the copy that writes to the node, which must not write to a call that is
// over. The other one may still read from the node when carry returns, and ends then.
func (s *server) carry(conn net.Conn, node carrier) {
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

// A chunkCarrier is a carrier of messages.
type chunkCarrier struct {
	chunks pluginrpc.Transport_CarryServer
	rest   []byte // of the last message
}

// Read returns io.EOF when the node has ended its side of the call.
func (c *chunkCarrier) Read(b []byte) (int, error) {
	for len(c.rest) == 0 {
		chunk, err := c.chunks.Recv()
		if err != nil {
			return 0, err
		}
		c.rest = chunk.GetData()
	}
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// Write keeps no reference to b: messages are encoded before Send returns.
func (c *chunkCarrier) Write(b []byte) (int, error) {
	if err := c.chunks.Send(&pluginrpc.Chunk{Data: b}); err != nil {
		return 0, err
	}
	return len(b), nil
}

// CloseWrite tells the node that nothing follows.
func (c *chunkCarrier) CloseWrite() error { return c.chunks.Send(&pluginrpc.Chunk{End: true}) }

// Close has nothing to do: the call ends when its handler returns.
func (c *chunkCarrier) Close() error { return nil }
