package discovery

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
)

func mustRemember(t *testing.T, dir string, log *journal) *Remembered {
	t.Helper()
	r, err := Remember(dir, logger(log))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func readPeers(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, peersFile))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A node that starts again dials those that it knew, and one that finds nobody keeps them.
func TestMembersAreRemembered(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "iris")
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(map[string]transport.PeerID{"a:1": one, "b:1": two})
		f := Start(Config{Network: n, Sources: []Source{mustRemember(t, dir, nil)}})
		defer f.Close()
		_, _ = n.Reach(t.Context(), "a:1", one, "")
		_, _ = n.Reach(t.Context(), "b:1", two, "")
		time.Sleep(saveAfter)
		synctest.Wait()
		if got := readPeers(t, dir); !strings.Contains(got, "quic://a:1,tcp://a:1") || !strings.Contains(got, "quic://b:1") {
			t.Errorf("remembered:\n%s", got)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(nil)
		f := Start(Config{Network: n, Sources: []Source{mustRemember(t, dir, nil)}})
		defer f.Close()
		time.Sleep(time.Minute)
		got := n.dialed()
		if !strings.Contains(got, "quic://a:1,tcp://a:1") || strings.Count(got, "quic://b:1,tcp://b:1") < 2 {
			t.Errorf("dialled %s", got)
		}
		if !strings.Contains(readPeers(t, dir), "quic://a:1") {
			t.Error("a node that is alone forgets the others")
		}
	})
}

// A file that is broken, or that somebody else has written, costs what cannot be read.
func TestABrokenFile(t *testing.T) {
	now := time.Now().UTC().Format(time.RFC3339)
	old := time.Now().Add(-rememberFor - time.Hour).UTC().Format(time.RFC3339)
	for _, row := range []struct {
		name, text, want string
		said             bool
	}{
		{"empty", "", "", false},
		{"good", peersHead + now + " a:1\n" + now + " b:1\n", "a:1 b:1", false},
		{"no line end", now + " a:1", "a:1", false},
		{"too old", now + " a:1\n" + old + " b:1\n", "a:1", false},
		{"garbage", "\x00\x01\x02\n" + now + " a:1\nx\n" + now + "\n" + now + " a b\n", "a:1", true},
		{"long address", now + " " + strings.Repeat("x", maxAddress+1) + "\n", "", true},
		{"long line", now + " a:1\n" + strings.Repeat("y", 100_000), "a:1", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, peersFile), []byte(row.text), 0o600); err != nil {
				t.Fatal(err)
			}
			var log journal
			r := mustRemember(t, dir, &log)
			for addr := range strings.FieldsSeq(row.want) {
				if _, ok := r.nodes[addr]; !ok {
					t.Errorf("%s is not remembered", addr)
				}
			}
			if len(r.nodes) != len(strings.Fields(row.want)) || (log.String() != "") != row.said {
				t.Errorf("remembered %v, said %s", r.nodes, log.String())
			}
		})
	}
}

// Members say themselves what their addresses are, and there can be many.
func TestTheFileIsBoundedAndHasNoOtherLines(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(nil)
		for i := range 500 {
			n.members[transport.PeerID{byte(i), byte(i >> 8), 1}] = fmt.Sprint("node", i, ":1")
		}
		n.members[transport.PeerID{2}] = "evil:1\n2100-01-01T00:00:00Z eviler:1"
		f := Start(Config{Network: n, Sources: []Source{mustRemember(t, dir, nil)}})
		synctest.Wait()
		f.Close()
	})
	if got := readPeers(t, dir); strings.Count(got, "\n") != 1+maxRemembered || strings.Contains(got, "evil") {
		t.Errorf("%d lines:\n%s", strings.Count(got, "\n"), got)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}

func TestAStateDirectoryThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Remember(filepath.Join(file, "state"), nil); err == nil || !strings.Contains(err.Error(), "state directory") {
		t.Errorf("got %v", err)
	}
}
