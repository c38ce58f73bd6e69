package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// result is what a finished command left behind.
type result struct {
	code     int
	out, err string
}

// iris runs a command to its end.
func iris(t testing.TB, in string, args ...string) result {
	t.Helper()
	var out, err bytes.Buffer
	p := &program{in: strings.NewReader(in), out: &out, err: &err, signals: make(chan os.Signal)}
	code := p.run(t.Context(), args)
	return result{code, out.String(), err.String()}
}

// running is a command that goes on.
type running struct {
	signals chan os.Signal
	out     *lines
	err     *lines
	done    chan struct{}
	code    int
}

// start starts a command, which is stopped with the test.
func start(t *testing.T, in io.Reader, args ...string) *running {
	t.Helper()
	r := &running{signals: make(chan os.Signal, 2), out: newLines(), err: newLines(), done: make(chan struct{})}
	p := &program{in: in, out: r.out, err: r.err, signals: r.signals}
	go func() {
		defer close(r.done)
		r.code = p.run(context.Background(), args)
		r.out.Close()
		r.err.Close()
	}()
	t.Cleanup(func() {
		select {
		case r.signals <- os.Interrupt:
		default:
		}
		<-r.done
	})
	return r
}

// wait waits for the end of the command and returns its exit code.
func (r *running) wait() int {
	<-r.done
	return r.code
}

// lines takes output, and gives it out line by line as it comes.
type lines struct {
	text bytes.Buffer // all that next has not given out
	mu   sync.Mutex
	news sync.Cond
	over bool
}

func newLines() *lines {
	l := &lines{}
	l.news.L = &l.mu
	return l
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.news.Broadcast()
	return l.text.Write(b)
}

func (l *lines) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	l.news.Broadcast()
}

// rest returns what next has not given out.
func (l *lines) rest() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// next waits for the next line that contains the text, and returns it.
func (l *lines) next(t testing.TB, contains string) string {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for {
			i := bytes.IndexByte(l.text.Bytes(), '\n')
			if i < 0 {
				break
			}
			line := string(l.text.Next(i + 1)[:i])
			if strings.Contains(line, contains) {
				return line
			}
		}
		if l.over {
			t.Fatalf("the output ended without a line that contains %q", contains)
		}
		l.news.Wait()
	}
}

// startNode starts a node for development and returns the flag that names its port.
func startNode(t *testing.T, args ...string) (node *running, port string) {
	t.Helper()
	node = start(t, nil, append([]string{"-dev", "-port", "0"}, args...)...)
	ready := node.err.next(t, "ready")
	found := regexp.MustCompile(`port=(\d+)`).FindStringSubmatch(ready)
	if found == nil {
		t.Fatalf("the node is ready without a port: %q", ready)
	}
	return node, "-port=" + found[1]
}

// The README's first session.
func TestFirstSession(t *testing.T) {
	node, port := startNode(t)

	t.Run("request", func(t *testing.T) {
		start(t, nil, "reply", port, "echo", "cat").err.next(t, "serving")
		for range 3 {
			if got := iris(t, "", "request", port, "echo", "hello"); got.out != "hello\n" || got.code != exitGood {
				t.Fatalf("got %+v, want hello", got)
			}
		}
		if got := iris(t, "from standard input", "request", "-raw", port, "echo"); got.out != "from standard input" {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("fixed text", func(t *testing.T) {
		start(t, nil, "reply", port, "-text", "pong", "ping").err.next(t, "serving")
		if got := iris(t, "", "request", port, "ping"); got.out != "pong\n" {
			t.Errorf("got %+v, want pong", got)
		}
	})
	t.Run("failing command", func(t *testing.T) {
		start(t, nil, "reply", port, "broken", "sh", "-c", "echo it hurts >&2; exit 3").err.next(t, "serving")
		got := iris(t, "", "request", port, "broken", "x")
		if got.code != exitFailed || !strings.Contains(got.err, "it hurts") || got.out != "" {
			t.Errorf("got %+v, want the fault", got)
		}
	})
	t.Run("broadcast", func(t *testing.T) {
		member := start(t, nil, "reply", port, "-text", "", "all")
		member.err.next(t, "serving")
		if got := iris(t, "", "broadcast", port, "all", "to all of you"); got.code != exitGood {
			t.Fatalf("got %+v", got)
		}
		member.out.next(t, "to all of you")
	})
	t.Run("publish", func(t *testing.T) {
		subscriber := start(t, nil, "subscribe", "-count", "4", port, "news", "weather")
		subscriber.err.next(t, "subscribed")
		settle(t, port)
		if got := iris(t, "", "publish", port, "weather", "it rains"); got.code != exitGood {
			t.Fatalf("got %+v", got)
		}
		subscriber.out.next(t, "it rains")
		iris(t, "1\n2\n3\n", "publish", port, "news")
		for _, want := range []string{"1", "2", "3"} {
			if got := subscriber.out.next(t, ""); got != want {
				t.Errorf("event %q, want %q", got, want)
			}
		}
		if code := subscriber.wait(); code != exitGood {
			t.Errorf("subscribe -count ended with %d", code)
		}
	})
	t.Run("tunnel", func(t *testing.T) {
		file := strings.Repeat("0123456789abcde\n", 1<<16)
		listener := start(t, strings.NewReader(""), "tunnel", "-listen", port, "files")
		listener.err.next(t, "waiting")
		if got := iris(t, file, "tunnel", port, "files"); got.code != exitGood {
			t.Fatalf("got %+v", got)
		}
		if code := listener.wait(); code != exitGood {
			t.Errorf("the listener ended with %d", code)
		}
		if got := listener.out.text.String(); got != file {
			t.Errorf("%d bytes arrived, want the same %d", len(got), len(file))
		}
	})

	node.signals <- syscall.SIGTERM
	if code := node.wait(); code != exitGood {
		t.Errorf("the node ended with %d, want %d", code, exitGood)
	}
}

// settle returns when the node has handled what was sent to it before: events have
// no answer, but the frames of one connection are handled in order, and a
// subscription is sent before its command says so.
func settle(t *testing.T, port string) {
	t.Helper()
	for range 3 {
		if got := iris(t, "", "request", port, "-timeout", "20ms", "nobody", ""); got.code != exitFailed {
			t.Fatalf("got %+v, want no answer", got)
		}
	}
}

func TestNoAnswer(t *testing.T) {
	_, port := startNode(t)
	got := iris(t, "", "request", port, "-timeout", "50ms", "nobody", "x")
	if got.code != exitFailed || !strings.Contains(got.err, `no answer from cluster "nobody" in 50ms`) {
		t.Errorf("request: got %+v", got)
	}
	got = iris(t, "", "request", port, "-now", "-timeout", "1h", "nobody", "x")
	if got.code != exitFailed || !strings.Contains(got.err, `nobody serves cluster "nobody"`) {
		t.Errorf("request -now: got %+v", got)
	}
	got = iris(t, "", "tunnel", port, "-timeout", "50ms", "nobody")
	if got.code != exitFailed || !strings.Contains(got.err, `no tunnel to cluster "nobody" in 50ms`) {
		t.Errorf("tunnel: got %+v", got)
	}
}

// A node that is stopped finishes what runs; a second signal does not wait for it.
func TestDrain(t *testing.T) {
	t.Run("finishes requests", func(t *testing.T) {
		node, port := startNode(t)
		gate, open := fifo(t)
		start(t, nil, "reply", port, "slow", "sh", "-c", "echo in >&1; cat "+gate).err.next(t, "serving")
		answer := make(chan result)
		go func() { answer <- iris(t, "", "request", port, "slow", "x") }()
		release := open() // the command runs
		node.signals <- syscall.SIGTERM
		node.err.next(t, "draining")
		release("finished")
		if got := <-answer; got.out != "in\nfinished\n" {
			t.Errorf("the request that was under way got %+v", got)
		}
		if code := node.wait(); code != exitGood {
			t.Errorf("the node ended with %d", code)
		}
	})
	t.Run("gives up at the limit", func(t *testing.T) {
		node, port := startNode(t, "-drain", "50ms")
		gate, open := fifo(t)
		start(t, nil, "reply", port, "slow", "cat", gate).err.next(t, "serving")
		go iris(t, "", "request", port, "slow", "x")
		defer open()("")
		node.signals <- syscall.SIGTERM
		if code := node.wait(); code != exitFailed {
			t.Errorf("the node ended with %d, want %d", code, exitFailed)
		}
		node.err.next(t, "allow more with -drain")
	})
	t.Run("second signal", func(t *testing.T) {
		node, port := startNode(t, "-drain", "1h")
		gate, open := fifo(t)
		start(t, nil, "reply", port, "slow", "cat", gate).err.next(t, "serving")
		go iris(t, "", "request", port, "slow", "x")
		release := open()
		defer release("")
		node.signals <- syscall.SIGTERM
		node.err.next(t, "draining")
		node.signals <- syscall.SIGTERM
		if code := node.wait(); code != exitFailed {
			t.Errorf("the node ended with %d, want %d", code, exitFailed)
		}
	})
}

// fifo makes a named pipe. The function waits until a command reads from it, and
// returns one that writes to it and closes it.
func fifo(t *testing.T) (name string, open func() func(text string)) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "gate")
	mkfifo(t, name)
	return name, func() func(string) {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		return func(text string) {
			_, _ = f.WriteString(text)
			f.Close()
		}
	}
}

// What a user gets wrong, and what cannot work, is said in one line that says what
// to do; the exit code tells the two apart.
func TestErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	takenPort := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
	noKey := filepath.Join(t.TempDir(), "nokey.pem")
	if err := os.WriteFile(noKey, []byte("no key at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	freePort := strconv.Itoa(free.Addr().(*net.TCPAddr).Port)
	free.Close()

	for _, row := range []struct {
		name string
		args []string
		code int
		want string // in the first line of standard error
	}{
		{"nothing", nil, exitUsage, "-net NAME -rsa FILE, or try iris -dev"},
		{"network name missing", []string{"-rsa", "x"}, exitUsage, "give its name with -net NAME"},
		{"key missing", []string{"-net", "x"}, exitUsage, "iris keygen FILE"},
		{"dev and more", []string{"-dev", "-net", "x"}, exitUsage, "either -dev, or -net and -rsa"},
		{"key unreadable", []string{"-net", "x", "-rsa", "/nowhere/key"}, exitFailed, "/nowhere/key"},
		{"not a key", []string{"-net", "x", "-rsa", noKey}, exitFailed, noKey},
		{"port taken", []string{"-dev", "-port", takenPort}, exitFailed, "choose another port with -port"},
		{"port out of range", []string{"-dev", "-port", "70000"}, exitUsage, "-port 70000"},
		{"port not a number", []string{"-dev", "-port", "x"}, exitUsage, "port"},
		{"unknown flag", []string{"-frobnicate"}, exitUsage, "iris has no flag -frobnicate"},
		{"unknown command", []string{"frobnicate"}, exitUsage, `no command "frobnicate"`},
		{"log level", []string{"-dev", "-log-level", "loud"}, exitUsage, `"loud"`},
		{"log format", []string{"-dev", "-log-format", "xml"}, exitUsage, `"xml"`},
		{"transport", []string{"-dev", "-transport", "quic,pigeon"}, exitUsage, "there are quic and tcp"},
		{"no transport", []string{"-dev", "-transport", ","}, exitUsage, "-transport is empty"},
		{"discovery", []string{"-dev", "-discover", "smoke"}, exitUsage, "beacon, dns:NAME, scan and exec:COMMAND"},
		{"discovery without a name", []string{"-dev", "-discover", "dns:"}, exitUsage, "beacon, dns:NAME, scan and exec:COMMAND"},
		{"no discovery and some", []string{"-dev", "-discover", "none,scan"}, exitUsage, "none and something else"},
		{"join without a port", []string{"-dev", "-join", "host1"}, exitUsage, `-join: an address to join is HOST:PORT, or SCHEME://HOST:PORT for one transport: "host1" has no port`},
		{"join an IPv6 address", []string{"-dev", "-join", "host1:1,2001:db8::1"}, exitUsage, "[ADDRESS]:PORT"},
		{"state", []string{"-dev", "-port", "0", "-state", "/dev/null/state"}, exitFailed, "state directory"},
		{"admin", []string{"-dev", "-port", "0", "-http", "127.0.0.1:" + takenPort}, exitFailed, "with -http"},
		{"no admin", []string{"members", "-http", "127.0.0.1:" + freePort}, exitFailed, "start one with -http"},
		{"admin of nobody", []string{"members", "-http", "x"}, exitUsage, "not HOST:PORT"},
		{"members arguments", []string{"members", "x"}, exitUsage, "no arguments"},
		{"bind", []string{"-dev", "-port", "0", "-bind", "127.0.0.1:" + takenPort}, exitFailed, "with -bind"},
		{"queue", []string{"-dev", "-queue", "-1"}, exitUsage, "-queue"},
		{"profile", []string{"-dev", "-port", "0", "-heapprof", "/nowhere/heap"}, exitFailed, "/nowhere/heap"},
		{"no node", []string{"request", "-port", freePort, "x", "y"}, exitFailed, "start one with iris -dev"},
		{"not a node", []string{"keygen", noKey}, exitFailed, noKey},
		{"request arguments", []string{"request"}, exitUsage, "CLUSTER"},
		{"reply arguments", []string{"reply"}, exitUsage, "CLUSTER"},
		{"reply how", []string{"reply", "x"}, exitUsage, "-text"},
		{"reply twice", []string{"reply", "-text", "a", "x", "cat"}, exitUsage, "not both"},
		{"broadcast arguments", []string{"broadcast"}, exitUsage, "iris broadcast"},
		{"publish arguments", []string{"publish", "a", "b", "c"}, exitUsage, "iris publish"},
		{"subscribe arguments", []string{"subscribe"}, exitUsage, "TOPIC"},
		{"tunnel arguments", []string{"tunnel"}, exitUsage, "CLUSTER"},
		{"bench arguments", []string{"bench"}, exitUsage, "one workload"},
		{"bench workload", []string{"bench", "dance"}, exitUsage, `"dance"`},
		{"bench size", []string{"bench", "-size", "3", "request"}, exitUsage, "3 bytes"},
		{"bench port", []string{"bench", "-at", "x", "request"}, exitUsage, `"x" is no port`},
		{"bench time", []string{"bench", "-for", "0", "request"}, exitUsage, "positive"},
		{"bench without a node", []string{"bench", "-at", freePort, "request"}, exitFailed, "port " + freePort},
		{"http arguments", []string{"http", "x"}, exitUsage, "no argument"},
		{"http address", []string{"http", "-listen", "55590"}, exitUsage, "HOST:PORT"},
		{"http body", []string{"http", "-max-body", "0"}, exitUsage, "-max-body"},
		{"http for all", []string{"http", "-listen", "0.0.0.0:0", "-token-file", "none"}, exitUsage, "everybody"},
		{"http token", []string{"http", "-listen", ":0", "-token-file", noKey}, exitFailed, noKey},
		{"http port taken", []string{"http", "-listen", ":" + takenPort, "-token-file", "none"}, exitFailed, "with -listen"},
		{"http without a node", []string{"http", "-listen", ":0", "-token-file", "none", "-port", freePort}, exitFailed, "start one with iris -dev"},
		{"keygen arguments", []string{"keygen"}, exitUsage, "one file"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := iris(t, "", row.args...)
			first, rest, _ := strings.Cut(got.err, "\n")
			if got.code != row.code || !strings.HasPrefix(first, "iris: ") || !strings.Contains(first, row.want) {
				t.Errorf("code %d, said %q; want %d and %q", got.code, first, row.code, row.want)
			}
			if row.code == exitFailed && rest != "" {
				t.Errorf("said more than one line: %q", rest)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"-h"}, {"--help"}, {"request", "-h"}, {"tunnel", "--help"}} {
		got := iris(t, "", args...)
		if got.code != exitGood || got.err != "" || !strings.HasPrefix(got.out, "Usage:\n  iris") {
			t.Errorf("%v: got %+v", args, got)
		}
	}
	if got := iris(t, "", "-h"); !strings.Contains(got.out, "IRIS_LOG_LEVEL") || !strings.Contains(got.out, "subscribe") {
		t.Errorf("help lacks flags or commands: %s", got.out)
	}
}

// Flags take one dash or two, and come from the environment; the command line wins.
func TestFlags(t *testing.T) {
	t.Setenv("IRIS_PORT", "1")
	t.Setenv("IRIS_LOG_FORMAT", "json")
	node := start(t, nil, "--dev", "--port=0")
	var ready struct {
		Msg  string
		Port int
	}
	line := node.err.next(t, "ready")
	if err := json.Unmarshal([]byte(line), &ready); err != nil {
		t.Fatalf("%v in %q", err, line)
	}
	if ready.Msg != "ready" || ready.Port < 2 {
		t.Errorf("got %+v", ready)
	}
	t.Setenv("IRIS_PORT", strconv.Itoa(ready.Port))
	got := iris(t, "", "request", "--timeout", "10ms", "nobody", "x")
	if !strings.Contains(got.err, "no answer") {
		t.Errorf("IRIS_PORT was not used: %+v", got)
	}
}

// Scripts wait for the ready line, whatever is logged besides.
func TestReadyIsSaidAtAnyLogLevel(t *testing.T) {
	start(t, nil, "-dev", "-port", "0", "-log-level", "error").err.next(t, "ready")
}

func TestKeygenMakesTheKeyOfANode(t *testing.T) {
	file := filepath.Join(t.TempDir(), "network.pem")
	made := iris(t, "", "keygen", file)
	if made.code != exitGood {
		t.Fatalf("got %+v", made)
	}
	node := start(t, nil, "-net", "example", "-rsa", file, "-port", "0", "-bind", "127.0.0.1:0")
	ready := node.err.next(t, "ready")
	fingerprint := strings.Fields(made.out)[2]
	if !strings.Contains(ready, fingerprint) || !strings.Contains(ready, "network=example") {
		t.Errorf("the node says %q, want the key %s", ready, fingerprint)
	}
}

func TestProfiles(t *testing.T) {
	dir := t.TempDir()
	files := []string{filepath.Join(dir, "cpu"), filepath.Join(dir, "heap"), filepath.Join(dir, "block")}
	node, _ := startNode(t, "-cpuprof", files[0], "-heapprof", files[1], "-blockprof", files[2])
	node.signals <- os.Interrupt
	if code := node.wait(); code != exitGood {
		t.Fatalf("ended with %d", code)
	}
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Size() == 0 {
			t.Errorf("no profile: %v", err)
		}
	}
}

// Those who are attached learn at once that the node has gone.
func TestNodeGone(t *testing.T) {
	node, port := startNode(t)
	member := start(t, nil, "reply", port, "-reconnect=no", "-text", "x", "y")
	member.err.next(t, "serving")
	node.signals <- syscall.SIGTERM
	if code := member.wait(); code != exitFailed {
		t.Errorf("reply ended with %d, want %d", code, exitFailed)
	}
	member.err.next(t, "the node is gone")
}
