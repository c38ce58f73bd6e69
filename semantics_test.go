package iris

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// Every test that docs/semantics.md names is there.
func TestSemanticsNamesTests(t *testing.T) {
	page, err := os.ReadFile("docs/semantics.md")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("git", "grep", "-ho", "--untracked", `^func Test[A-Za-z0-9_]*`, "--", "*_test.go").Output()
	if err != nil {
		t.Fatalf("git grep: %v", err)
	}
	tests := make(map[string]bool)
	for line := range strings.Lines(string(out)) {
		tests[strings.TrimSpace(strings.TrimPrefix(line, "func "))] = true
	}
	named := regexp.MustCompile("`(Test[A-Za-z0-9_]+)`").FindAllStringSubmatch(string(page), -1)
	if len(named) < 10 {
		t.Fatalf("the page names %d tests", len(named))
	}
	for _, name := range named {
		if name[1] != "TestRule" && !tests[name[1]] {
			t.Errorf("docs/semantics.md names %s, which is no test", name[1])
		}
	}
}
