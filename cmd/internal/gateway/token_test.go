package gateway

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func TestTheTokenFileIsMadeOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "iris", "http.token")
	var wg sync.WaitGroup
	tokens, made := make([]string, 10), make([]bool, 10)
	for i := range tokens {
		wg.Go(func() {
			var err error
			if tokens[i], made[i], err = LoadToken(path); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	makers := 0
	for i := range tokens {
		if tokens[i] != tokens[0] || len(tokens[i]) != 43 {
			t.Errorf("tokens %q and %q", tokens[i], tokens[0])
		}
		if made[i] {
			makers++
		}
	}
	if makers != 1 {
		t.Errorf("%d have made it", makers)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestATokenFileThatIsRefused(t *testing.T) {
	good := strings.Repeat("x", minToken)
	for _, row := range []struct {
		text string
		mode os.FileMode
		want string
	}{
		{good, 0o640, "chmod 600"},
		{good, 0o604, "chmod 600"},
		{good[1:], 0o600, "at least 32"},
		{"", 0o600, "at least 32"},
		{good + "\n" + good, 0o600, "one line"},
		{good + "ü", 0o600, "letters and digits"},
	} {
		path := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(path, []byte(row.text), row.mode); err != nil {
			t.Fatal(err)
		}
		if _, _, err := LoadToken(path); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%q with mode %v: %v, want one with %q", row.text, row.mode, err, row.want)
		}
	}
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(good+"\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	if got, made, err := LoadToken(path); got != good || made || err != nil {
		t.Errorf("got %q, %v, %v", got, made, err)
	}
}
