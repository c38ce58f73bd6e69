package forward

import (
	"io"
	"net"

	"github.com/project-iris/iris/relay/client"
)

// End is one of the two ends that are joined. Its methods may be called at once.
type End interface {
	io.ReadWriteCloser
	// CloseWrite ends the writing: the other side reads the end when it has read all.
	CloseWrite() error
	// Reset ends both directions, and the other side learns that this is no good end.
	// It may be called more than once, and ends calls that wait.
	Reset(reason string) error
}

// socket makes an End of a connection of TCP or of a Unix socket.
func socket(c net.Conn) End {
	if c, ok := c.(*net.TCPConn); ok {
		return tcpSocket{c}
	}
	return unixSocket{c.(*net.UnixConn)}
}

type tcpSocket struct{ *net.TCPConn }

// Reset has the system send RST.
func (s tcpSocket) Reset(string) error {
	_ = s.SetLinger(0)
	return s.Close()
}

type unixSocket struct{ *net.UnixConn }

// Reset is Close: a Unix socket has nothing harder.
func (s unixSocket) Reset(string) error { return s.Close() }

var _ End = (*client.Stream)(nil)

// Stdio is an End of two files, such as standard input and output.
type Stdio struct {
	In  io.ReadCloser // its Close ends a Read that waits
	Out io.WriteCloser
	// Ended is called, if it is not nil, when all that came from the other side is written.
	Ended func()
}

func (s Stdio) Read(p []byte) (int, error) { return s.In.Read(p) }

func (s Stdio) Write(p []byte) (int, error) { return s.Out.Write(p) }

// CloseWrite closes Out.
func (s Stdio) CloseWrite() error {
	if s.Ended != nil {
		s.Ended()
	}
	return s.Out.Close()
}

// Close closes both.
func (s Stdio) Close() error {
	_ = s.Out.Close() // it has been closed before, as a rule
	return s.In.Close()
}

// Reset is Close.
func (s Stdio) Reset(string) error { return s.Close() }
