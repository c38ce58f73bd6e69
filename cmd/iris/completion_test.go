package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
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
		{"bench publ", "publish"},
		{"bench publish r", ""},
		{"completion z", "zsh"},
		{"log-level -port 1 w", "warn"},
		{"bench network -node", "-nodes"},
		{"-dev req", ""}, // no command can follow
		{"-dev -log-l", "-log-level"},
		{"nosuch", ""},
	} {
		var got []string
		for line := range strings.Lines((&program{}).commands().complete(t.Context(), strings.Split(row.words, " "))) {
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
try() { words=("$@"); CURRENT=$#words PREFIX=$words[-1]; _iris; }
[[ $_comps[iris] == _iris ]] || print not registered
try iris keyg; try iris request -ti; try iris keygen fi`
	for _, row := range []struct{ shell, script, want string }{
		{"bash", `source <(iris completion bash); COMP_LINE='iris keyg' COMP_WORDS=(iris keyg); COMP_CWORD=1; _iris iris; echo "${COMPREPLY[@]}"
COMP_LINE='iris request -ti' COMP_WORDS=(iris request -ti); COMP_CWORD=2; _iris iris; echo "${COMPREPLY[@]}"`, "keygen\n-timeout\n"},
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

// Names are completed where a name can stand, by the nodes that the command would ask, with those
// of other nodes. Names that would not come out as they are, or as flags, are not.
func TestCompletionOfNames(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir()) // where the node makes its socket, and commands look
	t.Setenv("RUNTIME_DIRECTORY", "")
	_, flag := startNode(t)
	port := strings.TrimPrefix(flag, "-port=")
	for _, name := range []string{"shop.orders", "shop.carts", "-now", "bad\x1b[31m", `back\slash`, "new\nline"} {
		start(t, nil, "reply", flag, "-text", "x", "--", name).err.next(t, "serving")
	}
	start(t, nil, "subscribe", flag, "shop.news").err.next(t, "subscribed")
	iris(t, "", "request", flag, "-timeout", "10ms", "shop.typo", "x") // nobody serves it
	for _, row := range []struct{ words, variable, want string }{
		{"request -port " + port + " shop", "", "shop.carts shop.orders"},
		{"request " + flag + " -now shop.o", "", "shop.orders"},
		{"request shop.o", port, "shop.orders"},
		{"request shop.o", "nonsense", ""},
		{"request -port " + port + " shop.orders shop", "", ""}, // a body
		{"request -timeout shop", port, ""},                     // the value of a flag
		{"request -", port, "-now -port -raw -socket -timeout"},
		{"request -- -", port, "-now"},
		{"request ba", port, ""},
		{"request ne", port, ""},
		{"request ", port, "shop.carts shop.orders"},
		{"reply shop.c", port, "shop.carts"},
		{"reply echo shop", port, ""},
		{"publish shop", port, "shop.news"},
		{"broadcast shop.o", port, "shop.orders"},
		{"subscribe a b shop", port, "shop.news"},
		{"tunnel shop.o", port, "shop.orders"},
		{"expose shop.o", port, "shop.orders"},
		{"expose a shop.o", port, ""},
		{"forward shop.o", port, ""},
		{"forward 80 shop.o", port, "shop.orders"},
		{"forward -stdio shop.o", port, "shop.orders"},
		{"explain shop.o", port, "shop.orders"},
		{"names shop", port, "shop.carts shop.news shop.orders"},
		{"status shop", port, ""},
	} {
		t.Setenv("IRIS_PORT", row.variable)
		var got []string
		for line := range strings.Lines((&program{}).commands().complete(t.Context(), strings.Split(row.words, " "))) {
			word, _, _ := strings.Cut(line, "\t")
			got = append(got, word)
		}
		slices.Sort(got)
		if strings.Join(got, " ") != row.want {
			t.Errorf("iris %s: got %q, want %q", row.words, got, row.want)
		}
	}
}

// A node that does not answer, and a host without one, do not keep or tell somebody who types.
func TestCompletionWithoutAnAnswer(t *testing.T) {
	directory := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", directory)
	t.Setenv("RUNTIME_DIRECTORY", "")
	if err := os.Mkdir(filepath.Join(directory, "iris"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, port := range []string{"1", "2"} {
		if port == "2" { // there is a node, which is stuck
			l, err := net.Listen("unix", filepath.Join(directory, "iris", "2.sock"))
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
		}
		begin := time.Now()
		r := iris(t, "", "completion", "words", "--", "request", "-port", port, "e")
		if took := time.Since(begin); r != (result{}) || took >= askTimeout {
			t.Errorf("port %s: got %+v after %v", port, r, took)
		}
	}
}
