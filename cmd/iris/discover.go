package main

import (
	"net"
	"net/netip"
	"slices"
	"strings"
)

// ways is the flag -discover: ways to look for nodes. It can be given more than once.
type ways []string

func (w *ways) String() string { return strings.Join(*w, ",") }

// Set adds the ways that are separated by commas. A command takes the rest of the value,
// commas and all.
func (w *ways) Set(s string) error {
	for rest := s; rest != ""; {
		rest = strings.TrimLeft(rest, ", ")
		way, after, _ := strings.Cut(rest, ",")
		if strings.HasPrefix(rest, "exec:") {
			way, after = rest, ""
		}
		if way = strings.TrimSpace(way); way != "" {
			*w = append(*w, way)
		}
		rest = after
	}
	return nil
}

// none says that nodes are not looked for.
const none = "none"

// resolve returns the ways to use by a node that is bound to an address.
func (w ways) resolve(dev bool, bind string) ([]string, error) {
	switch {
	case len(w) == 0 && (dev || isLoopback(bind)):
		return nil, nil
	case len(w) == 0:
		return []string{"beacon"}, nil
	case slices.Equal(w, ways{none}):
		return nil, nil
	case slices.Contains(w, none):
		return nil, usagef("-discover has none and something else")
	}
	return w, nil
}

// isLoopback reports whether HOST:PORT can be reached on this host alone.
func isLoopback(bind string) bool {
	host, _, _ := net.SplitHostPort(bind)
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
