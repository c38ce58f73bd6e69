package sdk_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/project-iris/iris/plugins"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

// The plugin of docs/plugins.md is what the page says: about thirty lines, which build as
// they stand there, and carry links.
func TestThePluginOfTheDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../docs/plugins.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?s)```go\n(package main\n.*?)```").FindSubmatch(page)
	if found == nil {
		t.Fatal("there is no program on the page")
	}
	if lines := strings.Count(string(found[1]), "\n"); lines > 35 {
		t.Errorf("the program has %d lines", lines)
	}
	path := build(t, found[1])

	network := identitytest.NewNetwork(t, "net")
	var ends [2]*plugins.Transport
	for i := range ends {
		ends[i], err = plugins.New(plugins.Config{
			Path: path, Identity: network.Node(t), Options: map[string]string{"timeout": "30s"},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = ends[i].Close() })
	}
	listener, err := ends[1].Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	link, err := ends[0].Dial(t.Context(), listener.Addr(), transport.PeerID{})
	if err != nil {
		t.Fatal(err)
	}
	if link.RemoteAddr() != listener.Addr() {
		t.Errorf("linked to %s, dialled %s", link.RemoteAddr(), listener.Addr())
	}
}

// build builds a program, in a directory that only its owner can write.
func build(t *testing.T, source []byte) (path string) {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil { // whatever the umask
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "main.go")
	if err := os.WriteFile(file, source, 0o644); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "plaintcp")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, file).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}
