package simulate

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var mutations = flag.Bool("mutations", false, "run TestMutations: some minutes")

var (
	header = regexp.MustCompile(`^Promise: (.+)\nBug: (.+)\n`)
	found  = regexp.MustCompile(`seed (\d+), \d+ nodes, breaks "(.*)"`)
)

// Each deliberate bug of testdata/mutations is found within 2,000 seeds, by the promise that
// it names. Each promise has two at least.
func TestMutations(t *testing.T) {
	patches, err := filepath.Glob("testdata/mutations/*.patch")
	if err != nil {
		t.Fatal(err)
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
		promise := string(head[1])
		bugs[promise]++
		if !*mutations {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".patch"), func(t *testing.T) { findMutation(t, patch, promise) })
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
	apply := exec.Command("git", "apply", "-")
	apply.Dir, apply.Stdin = root, strings.NewReader(string(patch))
	if out, err := apply.CombinedOutput(); err != nil {
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
