// Package statustest holds what is printed for people against files, for tests.
package statustest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Fits checks that what is printed fits 80 columns.
func Fits(t *testing.T, got string) {
	t.Helper()
	for line := range strings.Lines(got) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// Golden compares what is printed with a file of testdata, which IRIS_GOLDEN=write writes.
func Golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if os.Getenv("IRIS_GOLDEN") == "write" {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}
