//go:build failpoints

package discovery

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/failpoint"
	"github.com/project-iris/iris/transport/logtest"
)

// Where the nodes cannot be remembered the old file stays whole, nothing is left beside it, the log
// says so once, and the next try succeeds when the disk has room.
func TestNodesThatCannotBeWrittenAreWrittenLater(t *testing.T) {
	for _, point := range []string{"write remembered nodes", "rename remembered nodes"} {
		t.Run(point, func(t *testing.T) {
			dir, log := t.TempDir(), new(logtest.Journal)
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(map[string]transport.PeerID{"a:1": one, "b:1": two})
				f := Start(Config{Network: n, Sources: []Source{mustRemember(t, dir, log)}})
				defer f.Close()
				_, _ = n.Reach(t.Context(), "a:1", one, "")
				time.Sleep(2 * saveAfter)
				synctest.Wait()
				before := readPeers(t, dir)
				if !strings.Contains(before, "a:1") {
					t.Fatalf("nothing is remembered: %s", before)
				}
				clear := failpoint.Set(point, func() error { return syscall.ENOSPC })
				_, _ = n.Reach(t.Context(), "b:1", two, "")
				time.Sleep(3 * refreshAfter)
				synctest.Wait()
				if got := readPeers(t, dir); got != before {
					t.Errorf("the file has changed while nothing could be written:\n%s", got)
				}
				if said := log.String(); strings.Count(said, "nodes cannot be remembered") != 1 || !strings.Contains(said, syscall.ENOSPC.Error()) {
					t.Errorf("the log says %q", said)
				}
				clear()
				time.Sleep(2 * refreshAfter)
				synctest.Wait()
				if got := readPeers(t, dir); !strings.Contains(got, "b:1") {
					t.Errorf("a node is not remembered when there is room again:\n%s", got)
				}
				expectAlone(t, dir)
			})
		})
	}
}

// expectAlone checks that a directory has the file alone.
func expectAlone(t *testing.T, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("beside the file there are others: %v, %v", files, err)
	}
}
