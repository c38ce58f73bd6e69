//go:build unix

package node

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestControlPaths(t *testing.T) {
	t.Setenv("RUNTIME_DIRECTORY", "/run/a:/run/b")
	t.Setenv("XDG_RUNTIME_DIR", "/run/user/7")
	t.Setenv("TMPDIR", "/t")
	want := []string{"/run/a/1.sock", "/run/user/7/iris/1.sock", "/run/iris/1.sock"}
	if got := ControlPaths(1); !slices.Equal(got[:3], want) || !strings.HasPrefix(got[3], "/t/iris-") {
		t.Errorf("paths are %v", got)
	}
	t.Setenv("RUNTIME_DIRECTORY", "")
	t.Setenv("XDG_RUNTIME_DIR", "relative") // the specification has it ignored
	if got := ControlPaths(1); got[0] != "/run/iris/1.sock" {
		t.Errorf("paths are %v", got)
	}
}

// A socket is its user's alone, takes the place of one that was left behind, but not of one at
// which a node answers or of another file, and takes its file along.
func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "iris", "1.sock")
	l, err := listenControl(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Perm() != 0o600 || OwnControl(path) != nil {
		t.Fatalf("%v: mode %v, %v", err, info.Mode(), OwnControl(path))
	}
	if dir, _ := os.Stat(filepath.Dir(path)); dir.Mode().Perm() != 0o700 {
		t.Errorf("its directory has mode %v", dir.Mode())
	}
	if _, err := listenControl(path); !errors.Is(err, errControlInUse) {
		t.Errorf("a second one: %v", err)
	}
	l.UnixListener.Close() // as a process that is killed
	second, err := listenControl(path)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if conn, err := net.Dial("unix", path); err != nil {
		t.Errorf("the end of the first has taken the file of the second: %v", err)
	} else {
		conn.Close()
	}
	second.Close()
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listenControl(path); !errors.Is(err, errNotSocket) {
		t.Errorf("in place of a file: %v", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "mine" {
		t.Errorf("the file has %q", text)
	}
	if OwnControl(path) == nil {
		t.Error("a file is taken for a socket")
	}
}
