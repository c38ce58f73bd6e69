package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fetch returns what a server of HTTP says at an address.
func fetch(t *testing.T, address string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + address + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Error(err)
	}
	return string(body)
}

// listening returns where a forward listens.
func listening(t *testing.T, r *running) string {
	t.Helper()
	line := r.err.next(t, "listening")
	found := regexp.MustCompile(`listen=(\S+)`).FindStringSubmatch(line)
	if found == nil {
		t.Fatalf("no address in %q", line)
	}
	return found[1]
}

// The example of the README, with two servers: what is exposed at one node is reached at the
// other, until it is stopped.
func TestExposeAndForward(t *testing.T) {
	nodes := startNetwork(t, "quic,tcp", 2)
	args := []string{"expose", nodes[0].flag()}
	for _, name := range []string{"web", "api"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) }))
		defer server.Close()
		args = append(args, name, server.Listener.Addr().String())
	}
	e := start(t, nil, args...)
	socket := filepath.Join(t.TempDir(), "api")
	f := start(t, nil, "forward", nodes[1].flag(), "127.0.0.1:0", "web", socket, "api")
	address := listening(t, f)
	listening(t, f)
	for range 2 {
		if got := fetch(t, address); got != "web" {
			t.Errorf("got %q", got)
		}
	}
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(c, "GET / HTTP/1.0\r\n\r\n")
	if got, err := io.ReadAll(c); !strings.HasSuffix(string(got), "\r\n\r\napi") || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	_ = c.Close()
	got := iris(t, "GET / HTTP/1.0\r\n\r\n", "forward", nodes[1].flag(), "-stdio", "web")
	if got.code != exitGood || !strings.HasSuffix(got.out, "\r\n\r\nweb") {
		t.Errorf("got %+v", got)
	}
	for _, r := range []*running{f, e} {
		r.signals <- os.Interrupt
		if code := r.wait(); code != exitGood {
			t.Errorf("exit code %d", code)
		}
		r.err.next(t, "stopped")
	}
}

// A connection that does not end is cut off by a second signal.
func TestASecondSignalCutsConnectionsOff(t *testing.T) {
	nodes := startNetwork(t, "tcp", 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	start(t, nil, "expose", nodes[0].flag(), "-check=1h", "silent", l.Addr().String()).err.next(t, "in the cluster")
	f := start(t, nil, "forward", nodes[0].flag(), "-drain=1h", "127.0.0.1:0", "silent")
	c, err := net.Dial("tcp", listening(t, f))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := l.Accept(); err != nil { // the probe
		t.Fatal(err)
	}
	if _, err := l.Accept(); err != nil {
		t.Fatal(err)
	}
	f.signals <- os.Interrupt
	f.err.next(t, "draining")
	f.signals <- os.Interrupt
	if code := f.wait(); code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	f.err.next(t, "connections cut off: 1")
}

func TestWhatIsWrongWithExposeAndForward(t *testing.T) {
	nodes := startNetwork(t, "tcp", 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().String()
	for _, row := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"expose"}, exitUsage, "wants a NAME and a TARGET, and more of such pairs, got 0 arguments"},
		{[]string{"expose", "web"}, exitUsage, "got 1 arguments"},
		{[]string{"expose", "web", "80", "api"}, exitUsage, "got 3 arguments"},
		{[]string{"expose", "web", "http"}, exitUsage, `"http" is not HOST:PORT, PORT or unix:PATH`},
		{[]string{"expose", "-check", "0s", "web", "80"}, exitUsage, "-check has to be longer than nothing"},
		{[]string{"expose", "-port", "1", "web", taken}, exitFailed, "no node answers at port 1"},
		{[]string{"forward", "80"}, exitUsage, "wants where to LISTEN and a NAME"},
		{[]string{"forward", "-max-connections", "0", "80", "web"}, exitUsage, "-max-connections has to be at least 1"},
		{[]string{"forward", "-stdio", "80", "web"}, exitUsage, "wants one NAME, got 2 arguments"},
		{[]string{"forward", "-port", "1", "0", "web"}, exitFailed, "no node answers at port 1"},
		{[]string{"forward", nodes[0].flag(), taken, "web"}, exitFailed, "cannot listen at " + taken + ": address already in use"},
		{[]string{"forward", nodes[0].flag(), "-timeout", "10ms", "-stdio", "nobody"}, exitFailed, `no member of cluster "nobody" was found within 10ms`},
	} {
		got := iris(t, "", row.args...)
		if got.code != row.code || !strings.Contains(got.err, row.want) {
			t.Errorf("%v: got %+v, want %d and %q", row.args, got, row.code, row.want)
		}
	}
	start(t, nil, "expose", nodes[0].flag(), "web", "unix:"+filepath.Join(t.TempDir(), "missing")).err.next(t,
		"not in the cluster: the target does not accept connections")
}
