package plugins

import (
	"fmt"
	"net"
	"path/filepath"
)

// A socket is where a plugin says that it listens for its node: for gRPC, or with the
// bytes of connections.
type socket struct{ network, address string }

// check refuses a socket that is not where the plugin was told to have it: the node
// connects to the process's directory for sockets, and nowhere else; on Windows to
// loopback, too.
func (s socket) check(goos, dir string) error {
	switch {
	case s.network == "unix" && filepath.Dir(s.address) == dir:
		return nil
	case s.network == "tcp" && goos == "windows" && isLoopback(s.address):
		return nil
	}
	return fmt.Errorf("%w: it listens on %q of %q, which is not where it was told to", ErrProtocol, cut(s.address), cut(s.network))
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && net.ParseIP(host).IsLoopback()
}
