package plugins_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/project-iris/iris/plugins/pluginrpc"
	"github.com/project-iris/iris/plugins/sdk"
)

// hostVariable makes this program a node that is to be killed.
const hostVariable = "IRIS_TEST_HOST"

// What the plugin of this program is, is told by the name of its file: nodes pass it no
// other thing before its options.
const (
	plainName   = "plain"
	bareName    = "bare"
	hostileName = "hostile"
	deafName    = "deaf" // to the end of its standard input
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(pluginrpc.CookieKey) != "":
		exitAtOnce()
		map[string]func(){plainName: servePlain, bareName: serveBare, hostileName: serveHostile, deafName: serveHostile}[filepath.Base(os.Args[0])]()
	case os.Getenv(hostVariable) != "":
		runHost(os.Getenv(hostVariable))
	}
	os.Exit(m.Run())
}

// exitAtOnce starts the program anew, in the same process, so that the race detector does
// not wait for a second when it ends. The detector reads its settings when it starts, and
// plugins do not get the environment of the test.
func exitAtOnce() {
	const setting = "GORACE"
	if os.Getenv(setting) == "" {
		_ = syscall.Exec(os.Args[0], os.Args, append(os.Environ(), setting+"=atexit_sleep_ms=0"))
	}
}

// install makes a program of this test, with a name, in a directory of its own.
func install(t testing.TB, name string) (path string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(safeDir(t), name)
	if os.Link(self, path) != nil { // on another file system
		copyFile(t, path, self)
	}
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func copyFile(t testing.TB, to, from string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, content, 0o755)
}

// safeDir is a directory that only its owner can write, whatever the umask.
func safeDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for d := dir; strings.HasPrefix(d, filepath.Clean(os.TempDir())+string(filepath.Separator)); d = filepath.Dir(d) {
		_ = os.Chmod(d, 0o755)
	}
	return dir
}

func write(t testing.TB, path string, content []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, content, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// servePlain is a plugin for TCP. Its options are for tests: tap is a directory for all
// bytes that pass, report a file for the environment, child a file for the id of a process
// that it starts, advertise what its listeners say that others dial.
func servePlain() {
	var tap, advertise string
	var dialer net.Dialer
	sdk.Serve(sdk.Transport{
		Configure: func(options map[string]string) error {
			for name, value := range options {
				switch name {
				case "tap":
					tap = value
				case "report":
					return report(value)
				case "child":
					return startChild(value)
				case "advertise":
					advertise = value
				case "say":
					fmt.Fprintln(os.Stderr, value)
				default:
					return fmt.Errorf("option %q is not known", name)
				}
			}
			return nil
		},
		Dial: func(ctx context.Context, addr string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, "tcp", addr)
			if err != nil {
				return nil, err
			}
			return tapped(conn, tap)
		},
		Listen: func(ctx context.Context, addr string) (net.Listener, error) {
			var config net.ListenConfig
			inner, err := config.Listen(ctx, "tcp", addr)
			return plainListener{inner, tap, advertise}, err
		},
	})
}

func report(file string) error {
	text := strings.Join(os.Args, "\n") + "\n\n" + strings.Join(os.Environ(), "\n")
	return os.WriteFile(file, []byte(text), 0o600)
}

// startChild starts a process that ends only when it is killed.
func startChild(file string) error {
	child := exec.Command("sleep", "600")
	if err := child.Start(); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(strconv.Itoa(child.Process.Pid)), 0o600)
}

// A plainListener taps what it accepts.
type plainListener struct {
	net.Listener
	dir, advertise string
}

func (l plainListener) Advertise() string { return l.advertise }

func (l plainListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return tapped(conn, l.dir)
}

// A tap is a connection that writes down what passes.
type tap struct {
	*net.TCPConn
	in, out io.Writer
}

var taps atomic.Int64

func tapped(conn net.Conn, dir string) (net.Conn, error) {
	if dir == "" {
		return conn, nil
	}
	n := strconv.Itoa(os.Getpid()) + "." + strconv.FormatInt(taps.Add(1), 10)
	in, err := os.Create(filepath.Join(dir, n+".in"))
	if err != nil {
		return nil, err
	}
	out, err := os.Create(filepath.Join(dir, n+".out"))
	return &tap{conn.(*net.TCPConn), in, out}, err
}

func (c *tap) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	_, failed := c.in.Write(b[:n])
	return n, errors.Join(err, failed)
}

func (c *tap) Write(b []byte) (int, error) {
	if _, err := c.out.Write(b); err != nil {
		return 0, err
	}
	return c.TCPConn.Write(b)
}

// ReadFrom and WriteTo are not those of TCP, which pass the tap by.
func (c *tap) ReadFrom(r io.Reader) (int64, error) { return io.Copy(struct{ io.Writer }{c}, r) }

func (c *tap) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, struct{ io.Reader }{c}) }
