package relay

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// Socket is a Unix socket for applications.
type Socket struct {
	// Path is where it is.
	Path string
	// Mode says who may connect: whoever may write. Default 0600.
	Mode fs.FileMode
	// GID is the group that it is given, nil the one that it gets of itself.
	GID *uint32
}

// ListenUnix listens for applications on a Unix socket. What a node has left there that was
// killed is replaced; a socket at which somebody listens is not, nor what is no socket. Until its
// group and mode are set, only the user of the node may connect.
func ListenUnix(s Socket) (net.Listener, error) {
	if s.Mode == 0 {
		s.Mode = 0o600
	}
	if err := removeStale(s.Path); err != nil {
		return nil, err
	}
	config := net.ListenConfig{Control: closedAtFirst}
	l, err := config.Listen(context.Background(), "unix", s.Path)
	if err != nil {
		return nil, fmt.Errorf("cannot listen for applications: %w", err)
	}
	if s.GID != nil {
		err = os.Chown(s.Path, -1, int(*s.GID))
	}
	if err == nil {
		err = os.Chmod(s.Path, s.Mode)
	}
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("cannot say who may connect to the socket for applications: %w", err)
	}
	return l, nil
}

// removeStale removes a socket at which nobody listens.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("cannot listen for applications: %w", err)
	case info.Mode()&fs.ModeSocket == 0:
		return fmt.Errorf("cannot listen for applications at %s: there is something that is no socket; remove it, or choose another path", path)
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		conn.Close()
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("the socket %s for applications is taken: is another node running? stop it, or choose another path", path)
	}
	return os.Remove(path)
}
