package simulate

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var mutations = flag.Bool("mutations", false, "run TestMutations: some minutes")

var (
	header   = regexp.MustCompile(`^Promise: (.+)\nBug: (.+)\n`)
	found    = regexp.MustCompile(`seed (\d+), \d+ nodes, breaks "(.*)"`)
	tableRow = regexp.MustCompile("(?m)^\\| .* \\| `[a-z-]+` \\| \\d+ \\|$")
)

// Each deliberate bug of testdata/mutations is found within 2,000 seeds, by the promise that
// it names. Each promise has two at least. Without -mutations it is only seen that the patches
// still fit the code, and that the table of docs/proof.md has them.
func TestMutations(t *testing.T) {
	patches, err := filepath.Glob("testdata/mutations/*.patch")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/proof.md")
	if err != nil {
		t.Fatal(err)
	}
	if rows := tableRow.FindAll(page, -1); len(rows) != len(patches) {
		t.Errorf("the table of docs/proof.md has %d rows, and there are %d patches", len(rows), len(patches))
	}
	bugs := make(map[string]int)
	for _, path := range patches {
		patch, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		head := header.FindSubmatch(patch)
		if head == nil {
			t.Fatalf("%s does not begin with the promise and the bug", path)
		}
		name, promise := strings.TrimSuffix(filepath.Base(path), ".patch"), string(head[1])
		bugs[promise]++
		if row := fmt.Sprintf("\n| %s | %s | `%s` | ", promise, strings.Replace(string(head[2]), "(model)", "(*model*)", 1), name); !strings.Contains(string(page), row) {
			t.Errorf("docs/proof.md has no row that begins with %q", row[1:])
		}
		if out, err := applied("../..", patch, "--check"); err != nil {
			t.Errorf("%s does not fit the code any more: %v\n%s", path, err, out)
		}
		if !*mutations {
			continue
		}
		t.Run(name, func(t *testing.T) { findMutation(t, patch, promise) })
	}
	for _, p := range append(promises, promise{name: nothingLeft}) {
		if bugs[p.name] < 2 {
			t.Errorf("promise %q has %d deliberate bugs, want two at least", p.name, bugs[p.name])
		}
		delete(bugs, p.name)
	}
	for promise := range bugs {
		t.Errorf("there is no promise %q", promise)
	}
}

// applied applies a patch to a tree, or does what options of git apply say.
func applied(root string, patch []byte, options ...string) (out []byte, err error) {
	apply := exec.Command("git", append(append([]string{"apply"}, options...), "-")...)
	apply.Dir, apply.Stdin = root, bytes.NewReader(patch)
	return apply.CombinedOutput()
}

// findMutation runs the histories in a copy of the tree that has a bug.
func findMutation(t *testing.T, patch []byte, promise string) {
	root := t.TempDir()
	for _, dir := range []string{"overlay", "transport"} {
		if err := os.CopyFS(filepath.Join(root, dir), os.DirFS(filepath.Join("../..", dir))); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, file), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := applied(root, patch); err != nil {
		t.Fatalf("git apply: %v\n%s", err, out)
	}
	histories := exec.Command("go", "test", "-count=1", "-run", "^TestHistories$", "./overlay/simulate", "-seeds", "2000", "-promise", promise)
	histories.Dir = root
	out, err := histories.CombinedOutput()
	if err == nil {
		t.Fatal("the bug is not found in 2,000 histories")
	}
	broken := found.FindSubmatch(out)
	if broken == nil || string(broken[2]) != promise {
		t.Fatalf("the bug does not break %q:\n%s", promise, out)
	}
	t.Logf("seed %s breaks %q", broken[1], promise)
}
