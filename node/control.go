package node

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/project-iris/iris/transport/failpoint"
)

// DefaultControl asks for a socket where commands look for it, see [ControlPaths].
const DefaultControl = "default"

// ControlPaths returns where the socket of the node is that has a port for applications, the
// likeliest first: in the directory that systemd gives a service (RuntimeDirectory=iris, which
// it also tells by RUNTIME_DIRECTORY), in that of the user (XDG_RUNTIME_DIR), and, where there
// is none, in one of the user in the directory for temporary files. A node makes it at the first
// of these that is there, or that it can make.
func ControlPaths(port int) []string {
	file := strconv.Itoa(port) + ".sock"
	var paths []string
	if dir, _, _ := strings.Cut(os.Getenv("RUNTIME_DIRECTORY"), ":"); dir != "" {
		paths = append(paths, filepath.Join(dir, file))
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		paths = append(paths, filepath.Join(dir, "iris", file))
	}
	if runtime.GOOS != "windows" {
		paths = append(paths, filepath.Join("/run/iris", file))
	}
	own := "iris"
	if uid := os.Getuid(); uid >= 0 {
		own += "-" + strconv.Itoa(uid)
	}
	return append(paths, filepath.Join(os.TempDir(), own, file))
}

// openControl opens the socket that a configuration asks for.
func (p *ports) openControl(config Config) (err error) {
	switch config.Control {
	case "":
		return nil
	case DefaultControl:
	default:
		p.control, err = listenControl(config.Control)
		return err
	}
	var failed []error
	for _, path := range ControlPaths(p.apps[0].Addr().(*net.TCPAddr).Port) {
		if p.control, err = listenControl(path); err == nil {
			return nil
		}
		failed = append(failed, err)
	}
	config.Logger.Warn("there is no socket by which commands can ask this node; name one with -control", "err", errors.Join(failed...))
	return nil
}

// controlListener is a socket that takes its file along when it is closed.
type controlListener struct {
	*net.UnixListener
	path string
	info os.FileInfo // of the file, to leave alone that of a node that came later
}

// errControlInUse says that another node answers at a socket.
var errControlInUse = errors.New("another node answers there")

// listenControl opens a socket that its user alone can connect to. It is made in a directory that
// nobody else can enter, and then moved: at no time can others connect.
func listenControl(path string) (*controlListener, error) {
	fail := func(err error) (*controlListener, error) {
		return nil, fmt.Errorf("cannot listen for commands at %s (%w): choose another path with -control, or -control none", path, err)
	}
	if conn, err := net.Dial("unix", path); err == nil {
		conn.Close()
		return fail(errControlInUse)
	}
	if err := ownDirectory(filepath.Dir(path)); err != nil {
		return fail(err)
	}
	private, err := os.MkdirTemp(filepath.Dir(path), ".iris")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(private)
	made := filepath.Join(private, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: made, Net: "unix"})
	if err != nil {
		return fail(err)
	}
	l.SetUnlinkOnClose(false)
	socket := &controlListener{UnixListener: l, path: path}
	err = errors.Join(os.Chmod(made, 0o600), replace(made, path))
	if err == nil {
		socket.info, err = os.Lstat(path)
	}
	if err != nil {
		l.Close()
		return fail(err)
	}
	return socket, nil
}

// errNotSocket says that a file is in the way.
var errNotSocket = errors.New("there is a file that is no socket")

// replace moves a socket to a path, where there may be one that a node has left behind.
func replace(made, path string) error {
	if old, err := os.Lstat(path); err == nil && old.Mode().Type() != os.ModeSocket {
		return errNotSocket
	}
	if err := failpoint.Hit("move control socket"); err != nil {
		return err
	}
	return os.Rename(made, path)
}

// ownDirectory makes a directory, if it is not there, that the user alone can enter. One in a
// place where everybody can make some has to be the user's own.
func ownDirectory(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is no directory", dir)
	case !ownedByUser(info):
		return fmt.Errorf("%s belongs to another user", dir)
	}
	return nil
}

// Close closes the socket and removes its file, unless it is that of another node by now.
func (l *controlListener) Close() error {
	if now, err := os.Lstat(l.path); err == nil && os.SameFile(now, l.info) {
		os.Remove(l.path)
	}
	return l.UnixListener.Close()
}

// OwnControl says what is wrong with a socket that a command is about to use: a node of another
// user could make it believe anything.
func OwnControl(path string) error {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return err
	case info.Mode().Type() != os.ModeSocket:
		return errNotSocket
	case !ownedByUser(info):
		return errors.New("it belongs to another user")
	}
	return nil
}

// ControlPath returns where the socket of the node is, empty if there is none.
func (n *Node) ControlPath() string { return n.path }
