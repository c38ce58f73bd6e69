package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/time/rate"

	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/choose"
	"github.com/project-iris/iris/transport/identity"
	"github.com/project-iris/iris/transport/ownaddr"
	"github.com/project-iris/iris/transport/refusal"
)

const (
	// followEvery is how often a node looks whether it has other addresses.
	followEvery = 2 * time.Second
	// followLines is how many lines of a kind about that the log has at once, and
	// followSilence the time between more of them: what others see this node as changes
	// it too.
	followLines   = 10
	followSilence = time.Minute
)

// links are how a node reaches others and is reached.
type links struct {
	transport transport.Transport
	log       *slog.Logger

	mu         sync.Mutex
	listener   transport.Listener // nil until there is one
	host       []ownaddr.Interface
	left       int // how many addresses of the host others are not told, as they are too many
	sayLeft    rate.Sometimes
	advertised string // the listener's addresses as others can dial them
}

// addresses returns where others can dial the node.
func (l *links) addresses() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.advertised
}

// beaconAddresses is addresses for beacons.
func (l *links) beaconAddresses() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return withOrigin(l.listener.Addr(), l.advertised)
}

// look looks at the interfaces of the host, which others see as some addresses, and
// reports whether others can dial the node elsewhere now.
func (l *links) look(seen []netip.Addr) (moved bool) {
	host, err := ownaddr.Interfaces()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.log.Debug("interfaces cannot be looked at", "err", err)
	} else {
		l.host = host
	}
	listening, before := l.listener.Addr(), l.advertised
	told, left := ownaddr.Rank(l.host, seen)
	l.advertised = advertise(listening, told)
	if l.advertised == advertise(listening, nil) {
		left = nil // it is bound to one address, whatever others there are
	}
	if len(left) > 0 && len(left) != l.left {
		l.sayLeft.Do(func() {
			l.log.Info("other nodes are not told all addresses of this host",
				"told", len(told), "left_out", len(left), "first_left_out", left[0])
		})
	}
	l.left = len(left)
	return l.advertised != before
}

// deaf says over which transports others cannot dial the node at the moment, and why.
// It is empty when there are none.
func (l *links) deaf() string {
	if l == nil {
		return ""
	}
	var lines []string
	for _, loss := range choose.LossesOf(l.listener) {
		lines = append(lines, fmt.Sprintf("not listening for other nodes over %s at %s: %v", loss.Scheme, loss.Addr, loss.Err))
	}
	return strings.Join(lines, "\n")
}

// arrange returns addresses of another node as they are to be dialled.
func (l *links) arrange(addrs []string) []string {
	l.mu.Lock()
	view := ownaddr.View{Host: l.host}
	if l.listener != nil {
		view.Listening = strings.Split(l.listener.Addr(), ",")
	}
	l.mu.Unlock()
	return view.Arrange(addrs)
}

// listen makes the transports of a node and listens on all of them.
func listen(config Config, id *identity.Identity) (*links, error) {
	var made []transport.Transport
	closeAll := func() {
		for _, t := range made {
			t.Close()
		}
	}
	for _, create := range config.Transports {
		t, err := create(id, overlay.Versions(), config.Logger)
		if err != nil {
			closeAll()
			return nil, err
		}
		made = append(made, t)
	}
	l := &links{log: config.Logger, sayLeft: rate.Sometimes{First: followLines, Interval: followSilence}}
	chooser, err := choose.New(choose.Config{Transports: made, Arrange: l.arrange, Logger: config.Logger})
	if err != nil {
		closeAll()
		return nil, err
	}
	listener, err := listenAny(chooser, config.Bind)
	if err != nil {
		chooser.Close()
		return nil, err
	}
	l.transport, l.listener = chooser, listener
	l.look(nil)
	return l, nil
}

// follow tells other nodes when the addresses of this host change, until the context ends.
func (n *Node) follow(ctx context.Context) {
	look := time.NewTicker(followEvery)
	defer look.Stop()
	say := rate.Sometimes{First: followLines, Interval: followSilence}
	var failures refusal.Throttle
	for {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
		if !n.links.look(n.overlay.Network().Seen()) {
			continue
		}
		addr := n.links.addresses()
		say.Do(func() { n.config.Logger.Info("this node has other addresses", "addr", addr) })
		if err := n.overlay.Network().Move(addr); err != nil {
			if unlogged, say := failures.Next(time.Now()); say {
				n.config.Logger.Warn("other nodes cannot be told", "err", err, "unlogged", unlogged)
			}
		}
	}
}

// listenAny listens at an address, or without one at the first port that is free.
func listenAny(t transport.Transport, bind string) (transport.Listener, error) {
	if bind != "" {
		l, err := t.Listen(context.Background(), bind)
		if err != nil {
			return nil, fmt.Errorf("cannot listen for other nodes at %s (%w): choose another address with -bind", bind, err)
		}
		return l, nil
	}
	for _, port := range PeerPorts {
		l, err := t.Listen(context.Background(), ":"+strconv.Itoa(port))
		if err == nil || !errors.Is(err, syscall.EADDRINUSE) {
			return l, err
		}
	}
	return t.Listen(context.Background(), ":0")
}

// advertise replaces the address that stands for all interfaces by those of the host: all
// transports at the best of them, then at the next. Others cannot use a zone of this host.
func advertise(listening string, host []netip.Addr) string {
	var all, everywhere []string
	for addr := range strings.SplitSeq(listening, ",") {
		scheme, rest := transport.SplitAddr(addr)
		at, port, err := net.SplitHostPort(rest)
		ip, _ := netip.ParseAddr(at)
		switch {
		case isEverywhere(rest):
			everywhere = append(everywhere, addr)
		case err == nil && ip.Zone() != "":
			all = append(all, transport.JoinAddr(scheme, net.JoinHostPort(ip.WithZone("").String(), port)))
		default:
			all = append(all, addr)
		}
	}
	for _, ip := range host {
		for _, addr := range everywhere {
			scheme, rest := transport.SplitAddr(addr)
			_, port, _ := net.SplitHostPort(rest)
			all = append(all, transport.JoinAddr(scheme, net.JoinHostPort(ip.String(), port)))
		}
	}
	return strings.Join(all, ",")
}

// isEverywhere reports whether host:port stands for all interfaces.
func isEverywhere(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip, _ := netip.ParseAddr(host)
	return err == nil && (host == "" || ip.IsUnspecified())
}

// withOrigin puts addresses without a host in front of those that others are told. The host is
// where the beacon comes from, which its receivers see.
func withOrigin(listening, advertised string) string {
	var open []string
	for addr := range strings.SplitSeq(listening, ",") {
		scheme, rest := transport.SplitAddr(addr)
		if isEverywhere(rest) {
			_, port, _ := net.SplitHostPort(rest)
			open = append(open, transport.JoinAddr(scheme, ":"+port))
		}
	}
	return strings.Join(append(open, advertised), ",")
}
