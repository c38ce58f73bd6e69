package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/choose"
	"github.com/project-iris/iris/transport/identity"
)

// maxAdvertised is how many addresses of its own a node tells others, for each
// transport. All of them have to fit what a node tells about itself.
const maxAdvertised = 4

// followEvery is how often a node looks whether it has other addresses.
const followEvery = 2 * time.Second

// links are how a node reaches others and is reached.
type links struct {
	transport transport.Transport
	listener  transport.Listener

	mu         sync.Mutex
	advertised string // the listener's addresses as others can dial them
}

// addresses returns where others can dial the node.
func (l *links) addresses() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.advertised
}

// moved looks at the interfaces of the host, and reports whether others can dial the node
// elsewhere now.
func (l *links) moved() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.advertised
	l.advertised = advertise(l.listener.Addr(), interfaceAddrs())
	return l.advertised != before
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
	chooser, err := choose.New(choose.Config{Transports: made, Logger: config.Logger})
	if err != nil {
		closeAll()
		return nil, err
	}
	listener, err := listenAny(chooser, config.Bind)
	if err != nil {
		chooser.Close()
		return nil, err
	}
	l := &links{transport: chooser, listener: listener}
	l.moved()
	return l, nil
}

// follow tells other nodes when the addresses of this host change, until the context ends.
func (n *Node) follow(ctx context.Context) {
	look := time.NewTicker(followEvery)
	defer look.Stop()
	for {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
		if !n.links.moved() {
			continue
		}
		addr := n.links.addresses()
		n.config.Logger.Info("this node has other addresses", "addr", addr)
		if err := n.overlay.Move(addr); err != nil {
			n.config.Logger.Warn("other nodes cannot be told", "err", err)
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

// advertise replaces the address that stands for all interfaces by those of the host.
func advertise(listening string, host []netip.Addr) string {
	var all []string
	for addr := range strings.SplitSeq(listening, ",") {
		scheme, rest, _ := strings.Cut(addr, "://")
		at, port, err := net.SplitHostPort(rest)
		ip, _ := netip.ParseAddr(at)
		if err != nil || !(at == "" || ip.IsUnspecified()) {
			all = append(all, addr)
			continue
		}
		for _, ip := range host {
			all = append(all, scheme+"://"+net.JoinHostPort(ip.String(), port))
		}
	}
	return strings.Join(all, ",")
}

// interfaceAddrs returns the addresses of this host that other hosts may reach, IPv4
// first; those of the loopback interface if there is nothing else.
func interfaceAddrs() []netip.Addr {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	}
	var four, six []netip.Addr
	for _, a := range addrs {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue
		}
		switch ip := prefix.Addr().Unmap(); {
		case !ip.IsGlobalUnicast():
		case ip.Is4():
			four = append(four, ip)
		default:
			six = append(six, ip)
		}
	}
	all := append(four, six...)
	if len(all) == 0 {
		all = append(all, netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	}
	return all[:min(len(all), maxAdvertised)]
}
