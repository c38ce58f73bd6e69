package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestCompletion(t *testing.T) {
	for _, row := range []struct{ words, want string }{
		{"re", "request reply"},
		{"REQUEST -ti", "-timeout"},
		{"request --ti", "--timeout"},
		{"request echo -ti", "-timeout"},
		{"request -timeout 9s echo hello -ra", "-raw"},
		{"request -raw -ti", "-timeout"},
		{"request -timeout -ra", ""}, // the value of a flag
		{"request -nosuch x -ti", ""},
		{"request echo -- -ti", ""},
		{"request ec", ""},
		{"reply echo -par", "-parallel"},
		{"reply echo grep -par", ""}, // another program's
		{"bench net", "network"},
		{"bench network -node", "-nodes"},
		{"-dev req", ""}, // no command can follow
		{"-dev -log-l", "-log-level"},
		{"nosuch", ""},
	} {
		var got []string
		for line := range strings.Lines((&program{}).commands().complete(strings.Split(row.words, " "))) {
			word, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			if text == "" || strings.Contains(text, "\t") {
				t.Errorf("iris %s: a line is %q", row.words, line)
			}
			got = append(got, word)
		}
		if strings.Join(got, " ") != row.want {
			t.Errorf("iris %s: got %q, want %s", row.words, got, row.want)
		}
	}
}

// The shells that the host has source the scripts, and complete by them.
func TestShellsComplete(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	directory := t.TempDir()
	program := filepath.Join(directory, "iris")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	const zsh = `autoload -U compinit; compinit -u -D; source <(iris completion zsh)
_describe() { print -l -- ${found%%:*}; }; _files() { print files; }
try() { words=("$@"); CURRENT=$#words; _iris; }
[[ $_comps[iris] == _iris ]] || print not registered
try iris keyg; try iris request -ti; try iris keygen fi`
	for _, row := range []struct{ shell, script, want string }{
		{"bash", `source <(iris completion bash); COMP_WORDS=(iris keyg); COMP_CWORD=1; _iris iris; echo "${COMPREPLY[@]}"
COMP_WORDS=(iris request -ti); COMP_CWORD=2; _iris iris; echo "${COMPREPLY[@]}"`, "keygen\n-timeout\n"},
		{"zsh", zsh, "keygen\n-timeout\nfiles\n"},
		{"fish", `iris completion fish | source; complete -C 'iris keyg' | cut -f1; complete -C 'iris request -ti' | cut -f1`, "keygen\n-timeout\n"},
	} {
		t.Run(row.shell, func(t *testing.T) {
			if _, err := exec.LookPath(row.shell); err != nil {
				t.Skip("this host has no " + row.shell)
			}
			c := exec.Command(row.shell, "-c", row.script)
			c.Dir = directory // fish completes files, too
			c.Env = append(os.Environ(), "PATH="+directory+":"+os.Getenv("PATH"), "HOME="+directory, "XDG_CONFIG_HOME="+directory, "XDG_DATA_HOME="+directory)
			out, err := c.CombinedOutput()
			if err != nil || string(out) != row.want {
				t.Errorf("got %q, %v; want %q", out, err, row.want)
			}
		})
	}
}
