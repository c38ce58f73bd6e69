package quic_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/quic"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

// TestMain runs a node to be killed instead of the tests, if told to.
func TestMain(m *testing.M) {
	if key := os.Getenv("IRIS_TEST_NODE_KEY"); key != "" {
		if err := runNode(key, os.Getenv("IRIS_TEST_NODE_LISTEN"), os.Getenv("IRIS_TEST_NODE_DIAL")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// Times of the nodes in these tests.
const (
	idleTimeout = 5 * time.Second
	keepAlive   = 500 * time.Millisecond
)

// runNode listens, dials a peer, says where it listens, and stays until its
// standard input ends.
func runNode(key, listen, dial string) error {
	loaded, err := identity.Load(key)
	if err != nil {
		return err
	}
	self, err := identity.New(identity.Config{Key: loaded, Network: "death"})
	if err != nil {
		return err
	}
	node, err := quic.New(quic.Config{Identity: self, IdleTimeout: idleTimeout, KeepAlive: keepAlive, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	listener, err := node.Listen(context.Background(), listen)
	if err != nil {
		return err
	}
	if dial != "" {
		if _, err := node.Dial(context.Background(), dial, transport.PeerID{}); err != nil {
			return err
		}
	}
	fmt.Println(listener.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	return node.Close()
}

// A process is a node that can be killed.
type process struct {
	command *exec.Cmd
	addr    string
}

func startProcess(t *testing.T, key, listen, dial string) *process {
	t.Helper()
	p := &process{command: exec.Command(os.Args[0])}
	p.command.Env = append(os.Environ(), "IRIS_TEST_NODE_KEY="+key, "IRIS_TEST_NODE_LISTEN="+listen, "IRIS_TEST_NODE_DIAL="+dial)
	p.command.Stderr = os.Stderr
	if _, err := p.command.StdinPipe(); err != nil { // the end of the test ends it
		t.Fatal(err)
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the node did not come up: %v", err)
	}
	p.addr = strings.TrimSpace(line)
	return p
}

func (p *process) kill() {
	_ = p.command.Process.Kill()
	_ = p.command.Wait()
}

// victim is a process with two links to a node of this one: that it dialled,
// and that it accepted.
type victim struct {
	*process
	key               string
	dialled, accepted transport.Link // by us
}

func newVictim(t *testing.T) *victim {
	t.Helper()
	v := &victim{key: filepath.Join(t.TempDir(), "key.pem")}
	key, err := identity.Create(v.key)
	if err != nil {
		t.Fatal(err)
	}
	self, err := identity.New(identity.Config{Key: key, Network: "death"})
	if err != nil {
		t.Fatal(err)
	}
	node := newTransport(t, self, func(c *quic.Config) { c.IdleTimeout, c.KeepAlive = idleTimeout, keepAlive })
	listener, err := node.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	v.process = startProcess(t, v.key, "127.0.0.1:0", listener.Addr())
	if v.accepted, err = listener.Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v.dialled, err = node.Dial(t.Context(), v.addr, v.accepted.Peer()); err != nil {
		t.Fatal(err)
	}
	return v
}

// deathOf waits for a link's end, and returns how long it took and its cause.
func deathOf(t *testing.T, l transport.Link, since time.Time, limit time.Duration) (took time.Duration, cause error) {
	t.Helper()
	select {
	case <-l.Context().Done():
	case <-time.After(limit):
		t.Fatalf("the link to a dead peer lives on after %v", limit)
	}
	return time.Since(since), context.Cause(l.Context())
}

// TestAKilledPeerIsNoticedAtOnce has the kernel of the killed process's host
// answer our keep-alives.
func TestAKilledPeerIsNoticedAtOnce(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells of unreachable ports")
	}
	t.Parallel()
	v := newVictim(t)
	since := time.Now()
	v.kill()
	for name, l := range map[string]transport.Link{"dialled": v.dialled, "accepted": v.accepted} {
		took, cause := deathOf(t, l, since, idleTimeout+3*time.Second)
		failure, ok := errors.AsType[*transport.NetworkError](cause)
		if !ok || failure.Silent || took > idleTimeout/2 {
			t.Errorf("the link that was %s ended after %v for %v; want it unreachable at once", name, took, cause)
		}
		t.Logf("%s: noticed after %v: %v", name, took.Round(time.Millisecond), cause)
	}
}

// TestADialToNobodyFailsAtOnce does not wait for the handshake's timeout.
func TestADialToNobodyFailsAtOnce(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells of unreachable ports")
	}
	t.Parallel()
	network := identitytest.NewNetwork(t, "nobody")
	// Other tests listen at 127.0.0.1, and could have the port next.
	free, err := net.ListenPacket("udp", "127.77.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.LocalAddr().String()
	_ = free.Close()
	since := time.Now()
	_, err = newTransport(t, network.Node(t)).Dial(t.Context(), addr, transport.PeerID{})
	failure, ok := errors.AsType[*transport.NetworkError](err)
	if took := time.Since(since); !ok || failure.Silent || took > 3*time.Second {
		t.Errorf("failed after %v: %v", took, err)
	}
}

// TestAStoppedPeerIsNoticedInTime stops a process without ending it: its host
// takes packets in and says nothing, as if the cable was pulled.
func TestAStoppedPeerIsNoticedInTime(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no such signal")
	}
	t.Parallel()
	v := newVictim(t)
	since := time.Now()
	if err := v.stop(); err != nil {
		t.Fatal(err)
	}
	for _, l := range []transport.Link{v.dialled, v.accepted} {
		took, cause := deathOf(t, l, since, idleTimeout+keepAlive+3*time.Second)
		failure, ok := errors.AsType[*transport.NetworkError](cause)
		if !ok || !failure.Silent || took > idleTimeout+keepAlive+time.Second {
			t.Errorf("ended after %v for %v; want silence for %v at most", took, cause, idleTimeout+keepAlive)
		}
		t.Logf("noticed after %v: %v", took.Round(time.Millisecond), cause)
	}
}

// TestAPeerThatComesBackIsNoticedAtOnce kills a node and starts one at its
// address, which answers our keep-alives with stateless resets.
func TestAPeerThatComesBackIsNoticedAtOnce(t *testing.T) {
	t.Parallel()
	v := newVictim(t)
	// The links are to be quiet: while quic-go searches for the largest packet,
	// just after the handshake, everything is large enough for an answer.
	<-time.After(2 * time.Second)
	v.kill()
	startProcess(t, v.key, v.addr, "")
	since := time.Now()
	for name, l := range map[string]transport.Link{"dialled": v.dialled, "accepted": v.accepted} {
		took, cause := deathOf(t, l, since, idleTimeout+3*time.Second)
		silent, ok := errors.AsType[*transport.NetworkError](cause)
		if !ok || silent.Silent || took > idleTimeout/2 {
			t.Errorf("the link that was %s ended after %v for %v; want a reset at once", name, took, cause)
		}
		t.Logf("%s: noticed %v after it was back: %v", name, took.Round(time.Millisecond), cause)
	}
}
