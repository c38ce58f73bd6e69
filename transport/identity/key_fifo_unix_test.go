//go:build unix

package identity_test

import (
	"errors"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/project-iris/iris/transport/identity"
)

// A key is read from nothing that could have the reader wait.
func TestKeysAreNotReadFromPipesAndDevices(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "socket")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, path := range []string{pipe, socket, "/dev/zero", "/dev/null"} {
		_, err := identity.Load(path)
		wrong, ok := errors.AsType[*identity.KeyError](err)
		if !ok || !errors.Is(err, identity.ErrKeyUnreadable) || wrong.Path != path || !strings.Contains(err.Error(), "pipe, a socket or a device") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
