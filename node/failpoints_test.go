//go:build failpoints && unix

package node

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/project-iris/iris/transport/failpoint"
)

// A socket for commands that cannot be put in its place is an error that says what to do, and
// leaves nothing behind: the next start has it.
func TestAControlSocketThatCannotBeMoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "iris")
	path := filepath.Join(dir, "control")
	clear := failpoint.Set("move control socket", func() error { return syscall.ENOSPC })
	_, err := listenControl(path)
	clear()
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "choose another path with -control") {
		t.Errorf("error %v", err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("%v is left behind, %v", files, err)
	}
	l, err := listenControl(path)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}
