package discovery

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity/identitytest"
	"github.com/project-iris/iris/transport/logtest"
)

func mustRemember(t *testing.T, dir string, log *logtest.Journal) *Remembered {
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
		synctest.Wait()
		_, _ = n.Reach(t.Context(), "a:1", one, "")
		_, _ = n.Reach(t.Context(), "b:1", two, "")
		time.Sleep(saveAfter - 1)
		synctest.Wait()
		if got := readPeers(t, dir); strings.Contains(got, "a:1") {
			t.Errorf("written before more changes can have come:\n%s", got)
		}
		time.Sleep(time.Nanosecond)
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

// A node in company needs none of those that it remembers.
func TestWhoHasCompanyDialsNobodyElse(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		if err := replace(filepath.Join(dir, peersFile), []byte(time.Now().Format(time.RFC3339)+" quic://b:1\n")); err != nil {
			t.Fatal(err)
		}
		n := newNetwork(nil)
		n.members[one] = "quic://a:1"
		find(t, n, nil, mustRemember(t, dir, nil))
		time.Sleep(2 * refreshAfter)
		if got := n.dialed(); got != "" {
			t.Errorf("dialled %s", got)
		}
	})
}

// The file says when members were there, also when they have not changed for long; a node
// that is alone leaves it as it is.
func TestTheFileIsKeptUpToDate(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(nil)
		n.members[one] = "quic://a:1"
		f := Start(Config{Network: n, Sources: []Source{mustRemember(t, dir, nil)}})
		age := func() time.Duration {
			synctest.Wait()
			when, _, _ := strings.Cut(strings.TrimPrefix(readPeers(t, dir), peersHead), " ")
			last, err := time.Parse(time.RFC3339, when)
			if err != nil {
				t.Fatal(err)
			}
			return time.Since(last)
		}
		time.Sleep(3*24*time.Hour + refreshAfter/2)
		if got := age(); got != refreshAfter/2 {
			t.Errorf("the file is of %v ago", got)
		}
		f.Close()
		if got := age(); got != 0 {
			t.Errorf("after it is closed the file is of %v ago", got)
		}

		n.lose()
		find(t, n, nil, mustRemember(t, dir, nil))
		synctest.Wait()
		if err := os.WriteFile(filepath.Join(dir, peersFile), []byte("as it is"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * refreshAfter)
		if got := readPeers(t, dir); got != "as it is" {
			t.Errorf("a node that is alone has written:\n%s", got)
		}
	})
}

func TestADirectoryThatIsLostIsSaidOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	synctest.Test(t, func(t *testing.T) {
		var log logtest.Journal
		n := newNetwork(nil)
		n.members[one] = "quic://a:1"
		find(t, n, nil, mustRemember(t, dir, &log))
		synctest.Wait()
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * refreshAfter)
		synctest.Wait()
		if said := strings.Count(log.String(), "nodes cannot be remembered"); said != 1 {
			t.Errorf("said %d times", said)
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
		{"a node with many addresses", now + " " + strings.Repeat("a:1,", 700) + "a:1\n", strings.Repeat("a:1,", 700) + "a:1", false},
		{"long address", now + " " + strings.Repeat("x", maxList+1) + "\n", "", true},
		{"control characters", now + " a\x7fb:1\n" + now + " a\u009bb:1\n", "", true},
		{"long file", strings.Repeat("#\n", maxPeersFile/2) + now + " a:1\n", "", false},
		{"long line", now + " a:1\n" + strings.Repeat("y", 100_000), "a:1", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, peersFile), []byte(row.text), 0o600); err != nil {
				t.Fatal(err)
			}
			var log logtest.Journal
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

// Of too many nodes those are remembered that were members last.
func TestTheLatestMembersAreRemembered(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		text, yesterday := peersHead, time.Now().Add(-24*time.Hour).Format(time.RFC3339)
		for i := range maxRemembered {
			text += fmt.Sprintf("%s old%d:1\n", yesterday, i)
		}
		if err := os.WriteFile(filepath.Join(dir, peersFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		n := newNetwork(nil)
		n.members[one] = "new:1"
		r := mustRemember(t, dir, nil)
		Start(Config{Network: n, Sources: []Source{r}}).Close()
		if !strings.Contains(readPeers(t, dir), " new:1\n") || len(r.nodes) != maxRemembered {
			t.Errorf("%d nodes are remembered:\n%s", len(r.nodes), readPeers(t, dir))
		}
	})
}

// A file is replaced in one piece, and one that cannot be replaced leaves nothing behind.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	path, before := filepath.Join(dir, "file"), filepath.Join(dir, "before")
	if err := errors.Join(replace(path, []byte("old")), os.Link(path, before), replace(path, []byte("new"))); err != nil {
		t.Fatal(err)
	}
	old, _ := os.ReadFile(before)
	if now, _ := os.ReadFile(path); string(old) != "old" || string(now) != "new" {
		t.Errorf("who has the file open reads %q, others %q", old, now)
	}
	taken := filepath.Join(dir, "taken")
	if err := os.Mkdir(taken, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := replace(taken, []byte("x")); err == nil {
		t.Error("a directory is replaced")
	}
	if left, _ := filepath.Glob(taken + "-*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAStateDirectoryThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	taken := t.TempDir()
	if err := os.Mkdir(filepath.Join(taken, peersFile), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{filepath.Join(file, "state"), taken} {
		if _, err := Remember(dir, nil); err == nil || !strings.Contains(err.Error(), "state directory") {
			t.Errorf("%s: got %v", dir, err)
		}
	}
}

// What is remembered is as old as it is by the clock that runs whether or not the other one
// is right: nobody is forgotten because a clock was set.
func TestMemoryOutlivesAClockThatIsSet(t *testing.T) {
	set := identitytest.SetWall
	const gap = 50 * 365 * 24 * time.Hour
	for _, row := range []struct {
		name           string
		start          time.Duration // of the wall clock when the node starts, from the right time
		file           time.Duration // of the time in its file
		want, wantBoth string        // before and after the clock is set right
	}{
		{"it starts in 1970", -gap, -time.Hour, "quic://old:1", "quic://new:1 quic://old:1"},
		{"it starts in the future", gap, -time.Hour, "", "quic://new:1"}, // nothing to be done: it looks too old
		{"it was in the future", 0, gap, "quic://old:1", "quic://new:1 quic://old:1"},
	} {
		dir, now := t.TempDir(), time.Now()
		if err := replace(filepath.Join(dir, peersFile), []byte(now.Add(row.file).Format(time.RFC3339)+" quic://old:1\n")); err != nil {
			t.Fatal(err)
		}
		r := &Remembered{path: filepath.Join(dir, peersFile), nodes: make(map[string]time.Time)}
		if err := r.load(set(now, row.start)); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(r.addrs(), " "); got != row.want {
			t.Errorf("%s: it remembers %q, want %q", row.name, got, row.want)
		}
		r.nodes["quic://new:1"] = set(now.Add(time.Minute), row.start)
		if err := r.save(now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		again := &Remembered{path: r.path, nodes: make(map[string]time.Time)}
		if err := again.load(now.Add(2 * time.Hour)); err != nil {
			t.Fatal(err)
		}
		addrs := again.addrs()
		slices.Sort(addrs)
		if got := strings.Join(addrs, " "); got != row.wantBoth {
			t.Errorf("%s: once the clock is right it remembers %q, want %q", row.name, got, row.wantBoth)
		}
		if row.wantBoth != "quic://new:1" && !strings.HasPrefix(strings.TrimPrefix(readPeers(t, dir), peersHead)[21:], "quic://new:1") {
			t.Errorf("%s: the latest member is not the first:\n%s", row.name, readPeers(t, dir))
		}
	}
}
