package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// callsOf returns the lines of a page that a user types into a shell to call the gateway, and
// those that prepare it.
func callsOf(t *testing.T, page string) (prepare, calls []string) {
	t.Helper()
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		command, indented := strings.TrimSpace(line), strings.HasPrefix(line, "    ")
		switch {
		case !indented:
		case strings.HasPrefix(command, "AUTH="), strings.HasPrefix(command, "HERE="):
			prepare = append(prepare, command)
		case strings.HasPrefix(command, "curl "):
			calls = append(calls, command)
		}
	}
	if len(prepare) != 2 || len(calls) < 4 {
		t.Fatalf("%s has %d lines to prepare, and %d calls", page, len(prepare), len(calls))
	}
	return prepare, calls
}

// Each call of the README and of docs/http.md works as it is printed, but for the port, which
// others may have.
func TestCallsOfThePagesWork(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl")
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", "")
	_, port := startNode(t)
	member := start(t, nil, "reply", port, "echo", "cat")
	member.err.next(t, "serving")
	gateway := start(t, nil, "http", port, "-listen", "127.0.0.1:0")
	ready := gateway.err.next(t, filepath.Join(home, ".config/iris/http.token"))
	listen := regexp.MustCompile(`listen=(\S+)`).FindStringSubmatch(ready)[1]
	if err := os.WriteFile(filepath.Join(home, "file"), []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{"../../README.md", "../../docs/http.md"} {
		prepare, calls := callsOf(t, page)
		setup := strings.ReplaceAll(strings.Join(prepare, "\n"), "127.0.0.1:55590", listen)
		if !strings.Contains(setup, listen) {
			t.Fatalf("%s calls another address: %s", page, setup)
		}
		shell := func(call string) *exec.Cmd {
			c := exec.CommandContext(t.Context(), "sh", "-c", setup+"\nexec "+call)
			c.Dir = home
			return c
		}
		for _, call := range calls {
			if strings.Contains(call, "/subscribe/") {
				checkSubscription(t, shell, call, calls)
				continue
			}
			if out, err := shell(call).Output(); err != nil || string(out) != echoed(call) {
				t.Errorf("%s: %s\ngot %q, %v; want %q", page, call, out, err, echoed(call))
			}
		}
		member.out.next(t, "to all of you")
	}
	gateway.signals <- os.Interrupt
	if code := gateway.wait(); code != exitGood {
		t.Errorf("iris http ended with %d", code)
	}
	gateway.err.next(t, "stopped")
}

// echoed is what a call is answered with: the body of requests.
func echoed(call string) string {
	switch {
	case strings.Contains(call, "-d hello"):
		return "hello"
	case strings.Contains(call, "@file"):
		return "from a file"
	}
	return ""
}

// checkSubscription checks that a subscription gets what a page publishes.
func checkSubscription(t *testing.T, shell func(call string) *exec.Cmd, call string, calls []string) {
	t.Helper()
	out := followed(t, shell(call))
	i := slices.IndexFunc(calls, func(call string) bool { return strings.Contains(call, "/publish/news -d 'it rains'") })
	if i < 0 {
		t.Fatal("nothing is published")
	}
	if err := shell(calls[i]).Run(); err != nil {
		t.Errorf("%s: %v", calls[i], err)
	}
	want := "data: it rains"
	if strings.Contains(call, "base64") {
		want = "data: aXQgcmFpbnM="
	}
	out.next(t, want)
}

// followed starts a program whose output goes on, and returns that when it has subscribed.
func followed(t *testing.T, c *exec.Cmd) *lines {
	t.Helper()
	out := newLines()
	c.Stdout = out
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = c.Wait()
		out.Close()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = c.Process.Kill()
		<-ended
	})
	out.next(t, ": subscribed")
	return out
}
