package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/node/status"
)

// examinee is a node that is examined.
type examinee struct {
	*process
	control string
}

// admit starts a node, with a script of a shell before it.
func (h *host) admit(script string, args ...string) *examinee {
	t := h.wire.t
	t.Helper()
	control := filepath.Join(t.TempDir(), "s")
	args = append([]string{"-port", "0", "-discover", "none", "-bind", ":14142", "-control", control}, args...)
	args = append([]string{"netns", "exec", h.space, "sh", "-c", script + `; exec "$0" "$@"`, os.Args[0]}, args...)
	c := exec.Command("ip", args...)
	c.Env = append(os.Environ(), programVariable+"=1")
	p := h.launch(c)
	ready := p.err.next(t, "msg=ready")
	found := regexp.MustCompile(`port=(\d+) .*id=(\S+)`).FindStringSubmatch(ready)
	p.port, p.id = "-port="+found[1], found[2]
	return &examinee{p, control}
}

// examine returns what is found that is bad.
func (p *examinee) examine() (bad []status.Finding) {
	t := p.host.wire.t
	t.Helper()
	r := p.host.run("doctor", "-control", p.control, "-json")
	var all []status.Finding
	if err := json.Unmarshal([]byte(r.out), &all); err != nil {
		t.Fatalf("doctor: %+v", r)
	}
	for _, f := range all {
		if !f.Good {
			bad = append(bad, f)
		}
	}
	if (len(bad) > 0) != (r.code == exitFailed) {
		t.Errorf("with %d that are bad the code is %d", len(bad), r.code)
	}
	return bad
}

// await examines until something is found, and returns it.
func (p *examinee) await(node, check, what string) status.Finding {
	t := p.host.wire.t
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		bad := p.examine()
		i := slices.IndexFunc(bad, func(f status.Finding) bool {
			return f.Node == node && f.Check == check && strings.Contains(f.What, what)
		})
		if i >= 0 {
			return bad[i]
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s of %s is not found: %+v", check, node, bad)
		}
	}
}

func (h *host) nft(rules ...string) {
	h.wire.t.Helper()
	for _, rule := range append([]string{"add table inet t", "add chain inet t in { type filter hook input priority 0; }"}, rules...) {
		h.wire.must(append([]string{"netns", "exec", h.space, "nft"}, strings.Fields(rule)...)...)
	}
}

// Faults of hosts are found from another one: a key that all can read, few descriptors, UDP that
// is dropped, and a port that is.
func TestDoctorFindsFaultsOfHosts(t *testing.T) {
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("packets are dropped with the command nft, which is not there")
	}
	w, key := newWire(t, 4), newKey(t, "example")
	other := filepath.Join(t.TempDir(), "key")
	content, err := os.ReadFile(key[slices.Index(key, "-rsa")+1])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, content, 0o600); err != nil {
		t.Fatal(err)
	}
	open := slices.Clone(key)
	open[slices.Index(key, "-rsa")+1] = other
	join := []string{"-join", w.hosts[0].addr + ":14142"}
	w.hosts[2].nft("add rule inet t in meta l4proto udp drop")

	first := w.hosts[0].admit("true", key...)
	first.serve()
	second := w.hosts[1].admit("ulimit -n 300", slices.Concat(open, join)...)
	third := w.hosts[2].admit("true", slices.Concat(key, join)...)
	second.ask()
	third.ask()

	stranger := w.hosts[3].admit("true", append(newKey(t, "example"), join...)...)
	stranger.await(stranger.id, "members", "has found none")
	second.await(second.id, "descriptors", "may have 300")
	f := first.await(second.id, "descriptors", "may have 300")
	if !strings.Contains(f.Do, "ulimit -n") {
		t.Errorf("what to do: %+v", f)
	}
	for _, bad := range first.examine() {
		if bad.Check == "key file" || bad.Check == "identity" || bad.Check == "ports" {
			t.Errorf("found without being there: %+v", bad)
		}
	}
	if err := os.Chmod(other, 0o644); err != nil {
		t.Fatal(err)
	}
	first.await(second.id, "key file", "mode 0644")
	third.await(third.id, "udp", "UDP is blocked")

	// Nobody reaches the second any more, but it reaches others.
	w.hosts[1].nft("add rule inet t in tcp dport 14142 tcp flags & (syn|ack) == syn drop")
	first.await(first.id, "ports", "does not reach "+second.id)
	if r := w.hosts[0].run("doctor", "-control", first.control); r.code != exitFailed || !strings.Contains(r.out, "→ chmod 600 ") {
		t.Errorf("doctor: %+v", r)
	} else {
		t.Logf("\n%s", r.out)
	}
}
