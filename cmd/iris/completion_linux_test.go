package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/relay/client"
)

// hostileNames are names that a shell must not read as its own words, with what is typed of each. The
// last are typed with a quote, or where a word of bash ends before the word of iris does.
var hostileNames = []struct{ name, typed string }{
	{"a$(touch pwned)", "a"},
	{"b;touch pwned", "b"},
	{"c`touch pwned`", "c"},
	{"d&touch pwned&", "d"},
	{"e>pwned", "e"},
	{"f|touch pwned", "f"},
	{"g'h", "g"},
	{`i"j`, "i"},
	{"k l  m", "k"},
	{"n*?[a]{b,c}", "n"},
	{"o~#!p", "o"},
	{"q:r:s", "q"},
	{"t=u@v", "t"},
	{"wé€", "w"},
	{"A:$(touch pwned)", "A:"},
	{"B:b:c;touch pwned", "B:b:c"},
	{"C=d;touch pwned", "C=d"},
	{"D$(touch pwned)", "'D"},
	{"E;touch pwned", `"E`},
	{"F g;touch pwned", `F\ g`},
}

// Each shell, at a terminal, completes names that are made to have it do something, and gives the
// program just the name: the member of that name answers.
func TestShellsQuoteNames(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	if _, err := exec.LookPath("script"); err != nil {
		t.Skip("this host has no script, which gives a shell a terminal")
	}
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir()) // where the node makes its socket, and commands look
	t.Setenv("RUNTIME_DIRECTORY", "")
	_, port := startNode(t)
	port = strings.TrimPrefix(port, "-port=")
	for i, h := range hostileNames {
		conn, err := client.Register(t.Context(), h.name, client.Service{
			Request: func(context.Context, []byte) ([]byte, error) { return fmt.Appendf(nil, "answer of number %d.", i), nil },
		}, client.Config{Address: net.JoinHostPort("127.0.0.1", port)})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	programs := t.TempDir()
	program := filepath.Join(programs, "iris")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, row := range []struct{ shell, start string }{
		{"bash", "bash --noprofile --norc -i"},
		{"zsh", "zsh -f -i"},
		{"fish", "fish --no-config -i"},
	} {
		t.Run(row.shell, func(t *testing.T) {
			if _, err := exec.LookPath(row.shell); err != nil {
				t.Skip("this host has no " + row.shell)
			}
			directory := t.TempDir()
			s := startShell(t, row.start, directory, "IRIS_PORT="+port, "PATH="+programs+":"+os.Getenv("PATH"))
			s.types(map[string]string{
				"bash": "source <(iris completion bash)",
				"zsh":  "autoload -U compinit; compinit -u -D; source <(iris completion zsh)",
				"fish": "iris completion fish | source",
			}[row.shell] + "; printf 'r%sy\\n' ead\n")
			s.sees("ready")
			s.types("iris versi\t-js\t\n")
			s.sees(`"protocol`)
			for i, h := range hostileNames {
				// On a busy host the node may answer too late for a completion.
				answer := fmt.Sprintf("answer of number %d.", i)
				for try := 1; ; try++ {
					s.types("iris request -now " + h.typed + "\t body\n")
					if try == 5 || s.seesOne(answer, "nobody serves", 20*time.Second) {
						break
					}
					s.shown.Reset()
					s.types("\x03\n")
				}
				s.sees(answer)
			}
			if _, err := os.Stat(filepath.Join(directory, "pwned")); err == nil {
				t.Error("the shell has run a part of a name")
			}
		})
	}
}

// A shell is at a terminal.
type shell struct {
	t     *testing.T
	in    io.Writer
	out   chan string
	shown strings.Builder
}

func startShell(t *testing.T, start, directory string, variables ...string) *shell {
	t.Helper()
	c := exec.Command("script", "-qfec", start, "/dev/null")
	c.Dir = directory
	c.Env = append(append(os.Environ(), variables...), "HOME="+directory, "XDG_CONFIG_HOME="+directory,
		"XDG_DATA_HOME="+directory, "TERM=xterm", "SHELL=/bin/sh", "LC_ALL=C.UTF-8")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	s := &shell{t: t, in: in, out: make(chan string, 1)}
	ended := make(chan struct{})
	go func() {
		defer close(s.out)
		r := bufio.NewReader(out)
		for b := make([]byte, 4096); ; {
			n, err := r.Read(b)
			if err != nil {
				return
			}
			select {
			case s.out <- string(b[:n]):
			case <-ended:
				return
			}
		}
	}()
	t.Cleanup(func() {
		in.Close() // which ends the terminal, and the shell
		close(ended)
		c.Process.Kill()
		c.Wait()
	})
	return s
}

func (s *shell) types(text string) {
	if _, err := io.WriteString(s.in, text); err != nil {
		s.t.Fatal(err)
	}
}

// sees waits until the shell shows a text.
func (s *shell) sees(text string) {
	s.t.Helper()
	if !s.seesOne(text, text, time.Minute) {
		s.t.Fatalf("no %q; the shell shows %q", text, s.shown.String())
	}
	s.shown.Reset()
}

// seesOne waits until the shell shows one of two texts, and reports whether it is the first.
func (s *shell) seesOne(text, other string, wait time.Duration) bool {
	s.t.Helper()
	late := time.After(wait)
	for {
		shown := s.shown.String()
		if strings.Contains(shown, text) || strings.Contains(shown, other) {
			return strings.Contains(shown, text)
		}
		select {
		case more, open := <-s.out:
			if !open {
				s.t.Fatalf("the shell has ended before %q; it shows %q", text, shown)
			}
			s.shown.WriteString(more)
		case <-late:
			return false
		}
	}
}
