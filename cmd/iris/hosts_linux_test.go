package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/project-iris/iris/node"
)

// wires numbers those of a run, as the names of namespaces are the host's.
var wires atomic.Uint32

// wire is a switch and the hosts on it, each in a network namespace of its own. Nothing
// that they send leaves it.
type wire struct {
	t     *testing.T
	name  string // of the switch's namespace, and the beginning of the others'
	hosts []*host
}

// host is a network namespace with the address 10.99.0.N on the wire.
type host struct {
	wire   *wire
	number int
	space  string
	addr   string
}

// newWire makes a wire, which is gone with the test. It skips the test where that is not
// possible.
func newWire(t *testing.T, hosts int) *wire {
	t.Helper()
	if testing.Short() {
		t.Skip("makes network namespaces, and runs for seconds")
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can make network namespaces")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("network namespaces are made with the command ip (iproute2), which is not there")
	}
	w := &wire{t: t, name: fmt.Sprintf("iris-test-%d-%d", os.Getpid(), wires.Add(1))}
	if out, err := ip("netns", "add", w.name); err != nil {
		t.Skipf("network namespaces cannot be made here: %s", out)
	}
	t.Cleanup(func() { _, _ = ip("netns", "del", w.name) })
	w.must("-n", w.name, "link", "add", "name", "wire", "type", "bridge")
	w.must("-n", w.name, "link", "set", "wire", "up")
	for n := 1; n <= hosts; n++ {
		w.add(n)
	}
	return w
}

// ip runs the command ip.
func ip(args ...string) ([]byte, error) { return exec.Command("ip", args...).CombinedOutput() }

func (w *wire) must(args ...string) {
	w.t.Helper()
	if out, err := ip(args...); err != nil {
		w.t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// add puts a host on the wire.
func (w *wire) add(n int) {
	w.t.Helper()
	h := &host{wire: w, number: n, space: fmt.Sprintf("%s-%d", w.name, n), addr: fmt.Sprintf("10.99.0.%d", n)}
	w.must("netns", "add", h.space)
	w.t.Cleanup(func() { _, _ = ip("netns", "del", h.space) })
	w.must("-n", h.space, "link", "set", "lo", "up")
	h.plugIn()
	w.hosts = append(w.hosts, h)
}

// plugIn gives the host its interface to the wire.
func (h *host) plugIn() {
	w := h.wire
	w.t.Helper()
	w.must("-n", w.name, "link", "add", h.plug(), "type", "veth", "peer", "name", "eth0", "netns", h.space)
	w.must("-n", w.name, "link", "set", h.plug(), "master", "wire", "up")
	w.must("-n", h.space, "addr", "add", h.addr+"/24", "dev", "eth0")
	w.must("-n", h.space, "link", "set", "eth0", "up")
}

// plug is the host's end of the cable at the switch.
func (h *host) plug() string { return fmt.Sprint("plug", h.number) }

// pull pulls the host's cable, and insert puts it back.
func (h *host) pull()   { h.wire.must("-n", h.wire.name, "link", "set", h.plug(), "down") }
func (h *host) insert() { h.wire.must("-n", h.wire.name, "link", "set", h.plug(), "up") }

// move gives the host another address on the wire.
func (h *host) move(addr string) {
	h.wire.must("-n", h.space, "addr", "del", h.addr+"/24", "dev", "eth0")
	h.addr = addr
	h.wire.must("-n", h.space, "addr", "add", h.addr+"/24", "dev", "eth0")
}

// process is the program at work on a host.
type process struct {
	host    *host
	command *exec.Cmd
	out     *lines
	err     *lines
	// Of a node.
	id    string // the beginning
	port  string // the flag with its port for applications
	admin string // its endpoint
}

// command returns the program, or a role of the test's own, to run on the host.
func (h *host) command(variable string, args ...string) *exec.Cmd {
	c := exec.Command("ip", append([]string{"netns", "exec", h.space, os.Args[0]}, args...)...)
	c.Env = append(os.Environ(), variable)
	return c
}

// launch runs a command on the host, until it ends or the test does.
func (h *host) launch(c *exec.Cmd) *process {
	t := h.wire.t
	t.Helper()
	p := &process{host: h, command: c, out: newLines(), err: newLines()}
	c.Stdout, c.Stderr = p.out, p.err
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var over sync.WaitGroup
	over.Go(func() {
		_ = c.Wait()
		p.out.Close()
		p.err.Close()
	})
	t.Cleanup(func() {
		_ = c.Process.Kill()
		over.Wait()
	})
	return p
}

// run runs a command of the program on the host to its end.
func (h *host) run(args ...string) result {
	h.wire.t.Helper()
	var out, said bytes.Buffer
	c := h.command(programVariable+"=1", args...)
	c.Stdout, c.Stderr = &out, &said
	_ = c.Run()
	return result{c.ProcessState.ExitCode(), out.String(), said.String()}
}

// start starts a node on the host.
func (h *host) start(args ...string) *process {
	t := h.wire.t
	t.Helper()
	args = append([]string{"-port", "0", "-http", ":0", "-log-level", "debug"}, args...)
	p := h.launch(h.command(programVariable+"=1", args...))
	ready := p.err.next(t, "msg=ready")
	found := regexp.MustCompile(`port=(\d+) .*id=(\S+) .*http=(\S+)`).FindStringSubmatch(ready)
	if found == nil {
		t.Fatalf("the node is ready without ports: %s", ready)
	}
	p.port, p.id, p.admin = "-port="+found[1], found[2], found[3]
	return p
}

// serve attaches a member of the cluster echo to the node.
func (p *process) serve() {
	p.host.wire.t.Helper()
	member := p.host.launch(p.host.command(programVariable+"=1", "reply", p.port, "echo", "cat"))
	member.err.next(p.host.wire.t, "serving")
}

// ask has an application of the node ask the cluster echo.
func (p *process) ask() {
	t := p.host.wire.t
	t.Helper()
	if got := p.host.run("request", p.port, "-timeout", "1m", "echo", "hello"); got.out != "hello\n" {
		t.Fatalf("host %d asks and gets %+v", p.host.number, got)
	}
}

// members returns the others that the node knows.
func (p *process) members() []node.Member {
	t := p.host.wire.t
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: p.host.dial}}
	response, err := client.Get("http://" + p.admin + "/members")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var m node.Members
	if err := json.NewDecoder(response.Body).Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m.Members
}

// dial dials from the host.
func (h *host) dial(ctx context.Context, network, addr string) (conn net.Conn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		space, openErr := os.Open("/run/netns/" + h.space)
		if err = openErr; err != nil {
			return
		}
		defer space.Close()
		if err = unix.Setns(int(space.Fd()), unix.CLONE_NEWNET); err != nil {
			return
		}
		conn, err = (&net.Dialer{}).DialContext(ctx, network, addr)
	}()
	<-done
	return conn, err
}

// awaitMembers waits until a node knows a number of others, and returns them.
func (p *process) awaitMembers(n int) []node.Member {
	p.host.wire.t.Helper()
	for look := time.NewTicker(20 * time.Millisecond); ; <-look.C {
		if members := p.members(); len(members) == n {
			look.Stop()
			return members
		}
	}
}

// awaitLinks waits until a node has links to a number of others, which are all that it
// knows, and returns them. Links that nobody uses end after ten seconds.
func (p *process) awaitLinks(n int) []node.Member {
	p.host.wire.t.Helper()
	for look := time.NewTicker(20 * time.Millisecond); ; <-look.C {
		members := p.members()
		if len(members) == n && !slices.ContainsFunc(members, func(m node.Member) bool { return m.Link == "" }) {
			look.Stop()
			return members
		}
	}
}
