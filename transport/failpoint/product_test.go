//go:build failpoints

package failpoint_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	hits = regexp.MustCompile(`failpoint\.Hit\("([a-z .-]+)"\)`)
	runs = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
)

// The program has neither the package nor the names of its points, and with the tag it has both;
// each point is set by a test. make failpoints names all tests that need the tag.
func TestNoPointIsInTheProduct(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	points, tests := make(map[string]bool), ""
	err = filepath.WalkDir(root, func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(filepath.Dir(path), filepath.Join("transport", "failpoint")) {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.HasSuffix(path, "_test.go") {
			tests += string(text)
			for _, name := range runs.FindAllSubmatch(text, -1) {
				if bytes.HasPrefix(text, []byte("//go:build failpoints\n")) && !bytes.Contains(makefile, name[1]) {
					t.Errorf("make failpoints does not run %s of %s", name[1], path)
				}
			}
			return err
		}
		for _, hit := range hits.FindAllSubmatch(text, -1) {
			points[string(hit[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	product, tagged := build(t, root), build(t, root, "-tags", "failpoints")
	if len(points) < 6 {
		t.Errorf("there are %d points", len(points))
	}
	for point := range points {
		if bytes.Contains(product, []byte(point)) {
			t.Errorf("the point %q is in the product", point)
		}
		if !bytes.Contains(tagged, []byte(point)) {
			t.Errorf("the point %q is not in the program with the tag either: the test shows nothing", point)
		}
		if !strings.Contains(tests, `"`+point+`"`) {
			t.Errorf("no test sets the point %q", point)
		}
	}
	if bytes.Contains(product, []byte("transport/failpoint.Hit")) {
		t.Error("a call of the package is in the product")
	}
}

// build builds the program, and returns it.
func build(t *testing.T, root string, args ...string) []byte {
	t.Helper()
	file := filepath.Join(t.TempDir(), "iris")
	build := exec.Command("go", append(append([]string{"build"}, args...), "-o", file, "./cmd/iris")...)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	program, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return program
}
