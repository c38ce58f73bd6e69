// Package nowait writes to a connection what it takes at once.
//
// A goroutine that has something small for a connection can then write it by itself, in place
// of waking another one for it, and never waits for whoever reads there.
package nowait

import (
	"net"
	"syscall"
)

// Writer writes to a connection without waiting. It is for one goroutine at a time, and not
// beside the connection's own Write. A nil Writer takes nothing.
type Writer struct {
	raw   syscall.RawConn
	write func(fd uintptr) bool // tryOnce, made once
	b     []byte                // of the Write under way
	n     int
}

// New returns a Writer for a connection of TCP or a Unix socket, where the system can do that;
// else nil.
func New(conn net.Conn) *Writer {
	var raw syscall.RawConn
	var err error
	switch c := conn.(type) {
	case *net.TCPConn:
		raw, err = c.SyscallConn()
	case *net.UnixConn:
		raw, err = c.SyscallConn()
	}
	if !supported || raw == nil || err != nil {
		return nil
	}
	w := &Writer{raw: raw}
	w.write = w.tryOnce
	return w
}

// Write writes as much as the connection takes at once, and returns how much that was. Why it
// was not more, the connection's own Write finds out.
func (w *Writer) Write(b []byte) int {
	if w == nil || len(b) == 0 {
		return 0
	}
	w.b, w.n = b, 0
	_ = w.raw.Write(w.write) // fails without a call where a deadline has passed
	w.b = nil
	return w.n
}

// tryOnce writes once. It returns true: so RawConn does not wait.
func (w *Writer) tryOnce(fd uintptr) bool {
	if n := write(fd, w.b); n > 0 {
		w.n = n
	}
	return true
}
