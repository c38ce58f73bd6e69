package main

import (
	"encoding/json"
	"errors"
	"go/build"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The package time of the Go that runs this test can be given another clock. That the program has it
// then is seen by command chaos, at each start of a node.
func TestThePackageTimeIsKnown(t *testing.T) {
	sources := filepath.Join(build.Default.GOROOT, "src", "time")
	path, err := write(t.TempDir(), "cmd", sources)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var overlay struct{ Replace map[string]string }
	if err := json.Unmarshal(text, &overlay); err != nil || len(overlay.Replace) != 3 {
		t.Fatalf("the list has %d files, %v", len(overlay.Replace), err)
	}
	changed, err := os.ReadFile(overlay.Replace[filepath.Join(sources, "time.go")])
	if err != nil || !strings.Contains(string(changed), asks) {
		t.Errorf("time.Now is not changed, %v", err)
	}
}

func TestAnotherPackageTime(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "time.go"), []byte("package time\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := write(t.TempDir(), "cmd", dir); !errors.Is(err, errOtherTime) {
		t.Errorf("error %v", err)
	}
}
