package node

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"

	"github.com/project-iris/iris/overlay/discovery"
	"github.com/project-iris/iris/overlay/discovery/beacon"
	"github.com/project-iris/iris/transport"
)

// ErrDiscover says that a way to look for nodes is not known.
var ErrDiscover = errors.New("there are beacon, dns:NAME, scan and exec:COMMAND")

// What [Config.Discover] can have, besides the prefixes below.
const (
	discoverBeacon = "beacon"
	discoverScan   = "scan"
	discoverDNS    = "dns:"
	discoverExec   = "exec:"
)

// checkDiscover says what is wrong with ways to look for nodes.
func checkDiscover(ways []string) error {
	for _, way := range ways {
		name, isDNS := strings.CutPrefix(way, discoverDNS)
		line, isExec := strings.CutPrefix(way, discoverExec)
		switch {
		case way == discoverBeacon, way == discoverScan, isDNS && name != "", isExec && strings.TrimSpace(line) != "":
		default:
			kind, _, _ := strings.Cut(way, ":") // what follows may be a command with secrets
			return fmt.Errorf("%w: not %q", ErrDiscover, kind)
		}
	}
	return nil
}

// discover starts to look for nodes.
func (n *Node) discover(remembered *discovery.Remembered) {
	sources := n.sources()
	if remembered != nil {
		sources = append(sources, remembered)
	}
	n.finder = discovery.Start(discovery.Config{Network: n.overlay.Network(), Sources: sources, Logger: n.config.Logger})
	n.join(n.config.Join)
	n.beacon()
}

// sources returns what the configuration names.
func (n *Node) sources() []discovery.Source {
	var sources []discovery.Source
	for _, way := range n.config.Discover {
		switch {
		case strings.HasPrefix(way, discoverDNS):
			sources = append(sources, &discovery.DNS{Lookup: strings.TrimPrefix(way, discoverDNS), Logger: n.config.Logger})
		case strings.HasPrefix(way, discoverExec):
			sources = append(sources, &discovery.Command{Line: strings.TrimPrefix(way, discoverExec), Logger: n.config.Logger})
		}
	}
	return sources
}

// beacon looks for nodes on the wire, with the keys as they are now, if the configuration says
// so. What it did before ends.
func (n *Node) beacon() {
	if n.unbeacon != nil {
		n.unbeacon()
	}
	wire := beacon.Config{
		Self:      n.id.ID(),
		Keys:      n.id.Secrets("beacon"),
		Bind:      boundTo(n.links.listener.Addr()),
		Addresses: n.links.beaconAddresses,
		Logger:    n.config.Logger,
		Heard:     &n.heard,
	}
	for _, way := range n.config.Discover {
		switch {
		case way == discoverBeacon:
			wire.Announce = true
		case way == discoverScan:
			wire.Scan = true
		}
	}
	if wire.Announce || wire.Scan {
		n.unbeacon = n.finder.Add(beacon.New(wire))
	}
}

// remember opens the state directory, if there is one.
func remember(dir string, log *slog.Logger) (*discovery.Remembered, error) {
	if dir == "" {
		return nil, nil
	}
	return discovery.Remember(dir, log)
}

// boundTo returns the address that a node listens on, unspecified for all interfaces.
func boundTo(listening string) netip.Addr {
	for addr := range strings.SplitSeq(listening, ",") {
		_, rest := transport.SplitAddr(addr)
		host, _, _ := net.SplitHostPort(rest)
		if ip, err := netip.ParseAddr(host); err == nil {
			return ip.Unmap()
		}
	}
	return netip.IPv6Unspecified()
}
