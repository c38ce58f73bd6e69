package node

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/project-iris/iris/transport"
)

// ErrJoin says that an address to join is none.
var ErrJoin = errors.New("an address to join is HOST:PORT, or SCHEME://HOST:PORT for one transport")

// checkJoin says what is wrong with addresses to join. What a plugin makes of a URL is its
// own business.
func checkJoin(addrs []string) error {
	for _, full := range addrs {
		scheme, addr := transport.SplitAddr(full)
		if scheme != "" && strings.Contains(addr, "/") {
			continue
		}
		host, port, err := net.SplitHostPort(addr)
		number, notNumber := strconv.Atoi(port)
		switch {
		case strings.Contains(full, "://") && scheme == "":
			return fmt.Errorf("%w: %q has no scheme", ErrJoin, full)
		case err != nil && !strings.Contains(addr, ":"):
			return fmt.Errorf("%w: %q has no port; nodes prefer %d", ErrJoin, full, PeerPorts[0])
		case err != nil:
			return fmt.Errorf("%w: not %q; an IPv6 address is in brackets: [ADDRESS]:PORT", ErrJoin, full)
		case host == "":
			return fmt.Errorf("%w: %q has no host", ErrJoin, full)
		case notNumber != nil || number < 1 || number > 65535:
			return fmt.Errorf("%w: the port of %q is not between 1 and 65535", ErrJoin, full)
		}
	}
	return nil
}
