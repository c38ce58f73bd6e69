package tcp_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/tcp"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
)

// keyVariable tells the test's own program to be a node with that key.
const keyVariable = "IRIS_TEST_NODE_KEY"

func TestMain(m *testing.M) {
	if path := os.Getenv(keyVariable); path != "" {
		if err := serve(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serve listens, says where, and accepts a link until its input ends.
func serve(path string) error {
	key, err := identity.Load(path)
	if err != nil {
		return err
	}
	node, err := identity.New(identity.Config{Key: key, Network: "net"})
	if err != nil {
		return err
	}
	t := tcp.New(tcp.Config{Identity: node})
	defer t.Close()
	listener, err := t.Listen(context.Background(), "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	if _, err := listener.Accept(context.Background()); err != nil {
		return err
	}
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	return nil
}

func TestKilledProcessIsNoticedAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key.pem")
	key, err := identity.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	process := exec.Command(self)
	process.Env = append(os.Environ(), keyVariable+"="+path)
	process.Stderr = os.Stderr
	input, err := process.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer input.Close()
	output, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = process.Process.Kill()
		_ = process.Wait()
	}()
	addr, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	node, err := identity.New(identity.Config{Key: key, Network: "net"})
	if err != nil {
		t.Fatal(err)
	}
	dialler := tcp.New(tcp.Config{Identity: node})
	defer dialler.Close()
	link, err := dialler.Dial(t.Context(), strings.TrimSpace(addr), transport.PeerID{})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-link.Context().Done()
	if took := time.Since(start); took > tcpSoon {
		t.Errorf("noticed after %v", took)
	}
	if cause := context.Cause(link.Context()); !errors.Is(cause, transport.ErrNetwork) {
		t.Errorf("the link ended with %v", cause)
	}
}
