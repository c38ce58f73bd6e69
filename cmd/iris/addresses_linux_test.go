package main

import (
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
)

// bridge adds bridges of containers to the host, before its interface to the wire, as on a
// host whose network is in a dock or wireless: all hosts have the same addresses on them.
func (h *host) bridge(n int) {
	h.wire.t.Helper()
	h.wire.must("-n", h.space, "link", "del", "eth0")
	for i := range n {
		name := fmt.Sprint("br-", i)
		h.wire.must("-n", h.space, "link", "add", name, "type", "bridge")
		h.wire.must("-n", h.space, "addr", "add", fmt.Sprintf("172.%d.0.1/16", 17+i), "dev", name)
		h.wire.must("-n", h.space, "link", "set", name, "up")
	}
	h.plugIn()
}

// Hosts with many bridges tell each other the address that they are reached at: two that
// know only of a third find each other by its word, and go on without it.
func TestHostsWithManyBridges(t *testing.T) {
	w, key := newWire(t, 3), newKey(t, "example")
	for _, h := range w.hosts {
		h.bridge(20)
	}
	key = append(key, "-discover", "none")
	many := w.hosts[2].launch(w.hosts[2].command(programVariable+"=1", append(key, "-port", "0")...))
	if said := many.err.next(t, "other nodes are not told all addresses"); !strings.Contains(said, "told=16 left_out=") {
		t.Errorf("a host with 22 addresses says %s", said)
	}
	many.command.Process.Kill()
	first := w.hosts[0].start(key...)
	join := append(key, "-join", w.hosts[0].addr+":14142")
	second, third := w.hosts[1].start(join...), w.hosts[2].start(join...)
	second.serve()
	for _, p := range []*process{second, third} {
		for _, m := range p.awaitMembers(2) {
			if want := "quic://10.99.0."; !strings.HasPrefix(m.Addresses[0], want) {
				t.Errorf("host %d is told %v, want %s first", p.host.number, m.Addresses, want)
			}
			if len(m.Addresses) != 32 {
				t.Errorf("host %d is told %d addresses, want 16 with two transports", p.host.number, len(m.Addresses))
			}
		}
	}
	third.ask()
	first.command.Process.Kill()
	third.awaitMembers(1)
	third.ask()
	for _, p := range []*process{second, third} {
		p.command.Process.Signal(syscall.SIGTERM)
		for said := ""; !strings.Contains(said, "msg=stopped"); {
			if said = p.err.next(t, "msg="); strings.Contains(said, "peer refused") {
				t.Errorf("host %d dials itself: %s", p.host.number, said)
			}
		}
	}
}

// Hosts that have link-local addresses alone find each other, and a third that one of
// them is told of is reached by the receiver's own interface.
func TestHostsWithLinkLocalAddressesAlone(t *testing.T) {
	w, key := newWire(t, 3), newKey(t, "example")
	for _, h := range w.hosts {
		// Another interface has a link-local address too, and the first route for them.
		w.must("-n", h.space, "link", "del", "eth0")
		w.must("-n", h.space, "link", "add", "br-0", "type", "bridge")
		w.must("-n", h.space, "link", "add", "inside", "type", "veth", "peer", "name", "port")
		w.must("-n", h.space, "link", "set", "port", "master", "br-0", "up")
		w.must("-n", h.space, "link", "set", "inside", "up")
		w.must("-n", h.space, "link", "set", "br-0", "up")
		h.plugIn()
		w.must("-n", h.space, "addr", "del", h.addr+"/24", "dev", "eth0")
	}
	first := w.hosts[0].start(key...)
	second := w.hosts[1].start(key...)
	first.serve()
	second.ask()
	met := second.awaitLinks(1)[0]
	at, _, err := net.SplitHostPort(met.Link) // whose port is another one if the first has dialled
	if err != nil {
		t.Fatal(err)
	}
	third := w.hosts[2].start(append(key, "-discover", "none", "-join", net.JoinHostPort(at, "14142"))...)
	third.ask()
	for _, p := range []*process{first, second, third} {
		for _, m := range p.awaitMembers(2) {
			if m.Link != "" && !strings.HasPrefix(m.Link, "[fe80::") || !strings.HasPrefix(m.Addresses[0], "quic://[fe80::") || strings.Contains(m.Addresses[0], "%") {
				t.Errorf("host %d has %+v, want a link by link-local addresses, told without a zone", p.host.number, m)
			}
		}
	}
}

// A host with two interfaces, neither of which has a default route, tells the address first
// that others see it at.
func TestHostsLearnWhereTheyAreSeen(t *testing.T) {
	w, key := newWire(t, 2), newKey(t, "example")
	h := w.hosts[0]
	w.must("-n", h.space, "link", "del", "eth0")
	w.must("-n", h.space, "link", "add", "storage0", "type", "veth", "peer", "name", "storage1")
	w.must("-n", h.space, "link", "set", "storage1", "up")
	w.must("-n", h.space, "addr", "add", "10.55.0.1/24", "dev", "storage0")
	w.must("-n", h.space, "link", "set", "storage0", "up")
	h.plugIn()
	first := h.start(append(key, "-discover", "none")...)
	second := w.hosts[1].start(append(key, "-discover", "none", "-join", h.addr+":14142")...)
	if m := second.awaitLinks(1); m[0].Addresses[0] != "quic://10.55.0.1:14142" {
		t.Errorf("at first it tells %v", m[0].Addresses)
	}
	for look := time.NewTicker(20 * time.Millisecond); ; <-look.C {
		if m := second.members(); len(m) == 1 && m[0].Addresses[0] == "quic://10.99.0.1:14142" {
			look.Stop()
			break
		}
	}
	first.err.next(t, "this node has other addresses")
}
