package relay

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// Listen listens for applications on 127.0.0.1 and [::1], on the same port; 0 picks
// one that is free. A host without IPv6 gets the first alone.
func Listen(port int) ([]net.Listener, error) {
	const tries = 16
	for range tries {
		listeners, err := listenBoth(port)
		if err == nil {
			return listeners, nil
		}
		if port != 0 || !errors.Is(err, syscall.EADDRINUSE) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("found no port that is free on both 127.0.0.1 and [::1] in %d tries", tries)
}

func listenBoth(port int) ([]net.Listener, error) {
	four, err := net.Listen("tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	port = four.Addr().(*net.TCPAddr).Port
	six, err := net.Listen("tcp6", net.JoinHostPort("::1", strconv.Itoa(port)))
	switch {
	case err == nil:
		return []net.Listener{four, six}, nil
	case noIPv6(err):
		return []net.Listener{four}, nil
	default:
		four.Close()
		return nil, err
	}
}

// noIPv6 reports whether a host has no [::1] to listen on.
func noIPv6(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) ||
		errors.Is(err, syscall.EAFNOSUPPORT) ||
		errors.Is(err, syscall.EPROTONOSUPPORT)
}
