//go:build unix

package discovery

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCommandsNameNodes(t *testing.T) {
	for _, row := range []struct{ line, want, wrong string }{
		{line: "echo 10.0.0.1 10.0.0.2:7,quic://10.0.0.3:8; echo host; echo '[::1]'", want: "10.0.0.1:14142 10.0.0.2:7 quic://10.0.0.3:8 host:14142 [::1]:14142"},
		{line: "echo 2001:db8::1", want: "[2001:db8::1]:14142"},
		{line: "true"},
		{line: "echo it hurts >&2; exit 3", wrong: "it hurts"},
		{line: "no-such-command-anywhere", wrong: "exit status 127"},
		{line: "head -c 100000 /dev/zero", wrong: "prints too much"},
		{line: "printf '%600s' x | tr ' ' y"},
	} {
		addrs, err := (&Command{Line: row.line}).run(t.Context(), time.Minute)
		switch {
		case row.wrong == "" && err != nil, row.wrong != "" && (err == nil || !strings.Contains(err.Error(), row.wrong)):
			t.Errorf("%s: %v, want %q", row.line, err, row.wrong)
		case strings.Join(addrs, " ") != row.want:
			t.Errorf("%s: got %v, want %s", row.line, addrs, row.want)
		}
	}
}

// A command that hangs is killed with all that it has started.
func TestACommandThatHangs(t *testing.T) {
	alive := filepath.Join(t.TempDir(), "alive")
	_, err := (&Command{Line: "(sleep 600; touch " + alive + ") & sleep 600"}).run(t.Context(), 50*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "not ended in 50ms") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(alive); err == nil {
		t.Error("it ran on to its end")
	}
}

func TestTheNameOfACommandTellsNoSecrets(t *testing.T) {
	if name := (&Command{Line: " lookup --password=x y"}).Name(); name != "exec:lookup" {
		t.Errorf("got %q", name)
	}
}
