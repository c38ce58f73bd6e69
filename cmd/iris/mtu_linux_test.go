package main

import (
	"strings"
	"testing"
	"time"
)

// The MTU of a host falls under a link over QUIC that is in use, and that no other
// transport can replace: large requests are answered again, with a few lost at the most.
func TestTheMTUOfAHostFalls(t *testing.T) {
	w, key := newWire(t, 2), newKey(t, "example")
	args := append(key, "-discover", "none", "-transport", "quic", "-bind", ":14142")
	first := w.hosts[0].start(args...)
	first.serve()
	second := w.hosts[1].start(append(args, "-join", w.hosts[0].addr+":14142")...)
	second.ask()
	for range 3 { // so that QUIC finds what the path carries
		if !second.asksMuch() {
			t.Fatal("a large request is not answered")
		}
	}
	w.must("-n", w.hosts[1].space, "link", "set", "eth0", "mtu", "1300")
	begin := time.Now()
	for !second.asksMuch() {
		if time.Since(begin) > 30*time.Second {
			t.Fatal("large requests are not answered any more")
		}
	}
	// The link ends as large packets vanish, or sooner, as the answer is waited for and nothing
	// comes.
	t.Logf("large requests are answered again after %v", time.Since(begin))
}

// asksMuch has an application of the node ask the cluster echo with a large request, and
// reports whether it is answered.
func (p *process) asksMuch() bool {
	p.host.wire.t.Helper()
	large := strings.Repeat("x", 100_000)
	return p.host.run("request", p.port, "-timeout", "5s", "echo", large).out == large+"\n"
}
