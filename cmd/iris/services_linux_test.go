package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Servers and clients that are programs of Debian. They are not there everywhere, and take
// minutes: make services runs these tests.
var (
	services     = flag.Bool("services", false, "run tests with PostgreSQL, Redis, OpenSSH and nginx, which have to be installed")
	serviceTurns = flag.Int("service-turns", 100_000, "connections that are opened and closed in turn")
)

// needServices skips a test that was not asked for.
func needServices(t *testing.T) {
	t.Helper()
	if !*services {
		t.Skip("without -services")
	}
}

// find returns the path of a program, which may be in one of more directories.
func find(t testing.TB, name string) string {
	t.Helper()
	places, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	places = append(places, "/usr/sbin/"+name)
	if path, err := exec.LookPath(name); err == nil && len(places) == 1 {
		return path
	}
	for _, path := range places {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Fatalf("%s is missing: apt-get install postgresql redis-server redis-tools nginx openssh-server socat", name)
	return ""
}

// freePort returns a port of this host that nobody uses.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// daemon is a server of somebody else, in a process group of its own.
type daemon struct {
	command *exec.Cmd
	said    bytes.Buffer
	over    sync.WaitGroup
}

// startDaemon starts a server, and waits until it accepts connections at a port. It is
// killed with the test, and so is what it has started.
func startDaemon(t testing.TB, port string, command *exec.Cmd) *daemon {
	t.Helper()
	d := &daemon{command: command}
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	command.SysProcAttr.Setpgid = true
	command.Stdout, command.Stderr = &d.said, &d.said
	command.WaitDelay = time.Second
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.kill)
	d.over.Go(func() { _ = command.Wait() })
	for deadline := time.Now().Add(time.Minute); ; {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = c.Close()
			return d
		}
		if time.Now().After(deadline) {
			d.kill()
			t.Fatalf("%s does not accept connections: %v\n%s", command.Path, err, d.said.String())
		}
		time.Sleep(10 * time.Millisecond) // nobody tells when a server is there
	}
}

// kill kills the server and what it has started (kill -9).
func (d *daemon) kill() {
	_ = syscall.Kill(-d.command.Process.Pid, syscall.SIGKILL)
	d.over.Wait()
}

// tool runs a client to its end, and returns what it writes to standard output.
func tool(t testing.TB, command *exec.Cmd) string {
	t.Helper()
	var out, trouble bytes.Buffer
	command.Stdout, command.Stderr = &out, &trouble
	if err := command.Run(); err != nil {
		t.Fatalf("%v: %v\n%s%s", command.Args, err, out.String(), trouble.String())
	}
	return out.String()
}

// as has a command run as another user, if this one is root.
func as(t testing.TB, name string, command *exec.Cmd) *exec.Cmd {
	t.Helper()
	if os.Getuid() != 0 {
		return command
	}
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	command.Dir = "/"
	return command
}

// expose exposes a port of this host at a node until the end of the test.
func expose(t testing.TB, n *netNode, name, port string, flags ...string) *netNode {
	t.Helper()
	return startCarrier(t, "in the cluster", append([]string{"expose", n.flag(), name, port}, flags...)...)
}

// forwardTo forwards a port of this host, which it returns, from a node to a name.
func forwardTo(t testing.TB, n *netNode, name string, flags ...string) (port string, p *netNode) {
	t.Helper()
	port = freePort(t)
	return port, startCarrier(t, "listening", append([]string{"forward", n.flag(), port, name}, flags...)...)
}

// startCarrier starts a command in a process of its own, and waits for what it says when it
// is ready.
func startCarrier(t testing.TB, ready string, args ...string) *netNode {
	t.Helper()
	n := &netNode{command: inProcess(args...), err: newLines()}
	n.command.Stderr = n.err
	if err := n.command.Start(); err != nil {
		t.Fatal(err)
	}
	var over sync.WaitGroup
	over.Go(func() {
		_ = n.command.Wait()
		n.err.Close()
	})
	t.Cleanup(func() {
		_ = n.command.Process.Kill()
		over.Wait()
	})
	n.err.next(t, ready)
	return n
}

// socat carries connections to a port of this host over TLS, as iris does between two
// nodes, and returns the port to connect to.
func socat(t testing.TB, port string) string {
	t.Helper()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	tool(t, exec.Command(find(t, "openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
		"-nodes", "-subj", "/CN=localhost", "-keyout", key, "-out", cert))
	tls, near := freePort(t), freePort(t)
	const listen = ",bind=127.0.0.1,fork,reuseaddr,nodelay,backlog=1024"
	startDaemon(t, tls, exec.Command(find(t, "socat"), "OPENSSL-LISTEN:"+tls+listen+",verify=0,cert="+cert+",key="+key,
		"TCP:127.0.0.1:"+port+",nodelay"))
	startDaemon(t, near, exec.Command(find(t, "socat"), "TCP-LISTEN:"+near+listen, "OPENSSL:127.0.0.1:"+tls+",verify=0,nodelay"))
	return near
}

// way is a port that leads to a server.
type way struct{ name, port string }

// waysTo leads to a port of this host directly, over socat with OpenSSL, and over two nodes,
// with each of the transports.
func waysTo(t testing.TB, port string) []way {
	t.Helper()
	ways := []way{{"direct", port}, {"socat", socat(t, port)}}
	for _, transport := range []string{"tcp", "quic"} {
		nodes := startNetwork(t, transport, 2)
		expose(t, nodes[0], "service", port)
		near, _ := forwardTo(t, nodes[1], "service")
		ways = append(ways, way{transport, near})
	}
	return ways
}

// compare measures ways to a server in turn, several times, so that what else runs on this
// host meets all of them alike, and shows the medians.
func compare(t testing.TB, rounds int, measure func(port string) float64, ways []way) {
	t.Helper()
	values := make(map[string][]float64)
	for range rounds {
		for _, w := range ways {
			values[w.name] = append(values[w.name], measure(w.port))
		}
	}
	medians := make(map[string]float64)
	for _, w := range ways {
		v := values[w.name]
		slices.Sort(v)
		medians[w.name] = v[len(v)/2]
		t.Logf("%-8s %8.0f a second (%.0f to %.0f): %.2f of direct, %.2f of socat", w.name, v[len(v)/2], v[0], v[len(v)-1],
			v[len(v)/2]/medians["direct"], v[len(v)/2]/medians["socat"])
	}
}

// randomFile makes a file of random bytes.
func randomFile(t testing.TB, size int64) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "random"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.CopyN(f, rand.Reader, size); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// within is a context for what should take less.
func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// number returns the number before or after a text in what a program has said.
func number(t testing.TB, said, expression string) float64 {
	t.Helper()
	var n float64
	for line := range strings.Lines(said) {
		if _, after, ok := strings.Cut(line, expression); ok {
			if _, err := fmt.Sscan(after, &n); err == nil {
				return n
			}
		}
	}
	t.Fatalf("there is no number behind %q in\n%s", expression, said)
	return 0
}
