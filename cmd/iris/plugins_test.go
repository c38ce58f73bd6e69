package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// buildPlugins builds the WebSocket plugin into a directory, as the README says, and
// returns that.
func buildPlugins(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil { // whatever the umask
			t.Fatal(err)
		}
	}
	name := "websocket"
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	out, err := exec.Command("go", "build", "-o", filepath.Join(dir, name), "../../plugins/websocket").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return dir
}

// The README's example of a plugin: nodes over WebSocket alone, and in a list.
func TestNodesOverAPlugin(t *testing.T) {
	dir := buildPlugins(t)
	sockets, err := os.MkdirTemp("", "iris") // which nodes that are killed leave behind
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(sockets) })
	t.Setenv("TMPDIR", sockets)
	for _, list := range []string{"websocket", filepath.Join(dir, "websocket") + ",quic"} {
		t.Run(strings.ReplaceAll(list, dir, ""), func(t *testing.T) {
			nodes := startNetwork(t, list, 2, "-plugins", dir, "-plugin-opt", "websocket.path=/iris")
			start(t, nil, "reply", nodes[1].flag(), "echo", "cat").err.next(t, "serving")
			if got := iris(t, "", "request", nodes[0].flag(), "echo", "hello"); got.out != "hello\n" {
				t.Errorf("got %+v, want hello", got)
			}
		})
	}
}

func TestWrongUseOfPlugins(t *testing.T) {
	dir := t.TempDir()
	for _, row := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no directory", []string{"-transport", "pigeon"}, exitUsage, "in -plugins DIR"},
		{"not there", []string{"-transport", "pigeon", "-plugins", filepath.Join(dir, "nowhere")}, exitFailed, "nowhere"},
		{"not there by path", []string{"-transport", filepath.Join(dir, "pigeon"), "-bind", "127.0.0.1:0"}, exitFailed, "no such plugin"},
		{"option without a value", []string{"-transport", "./pigeon", "-plugin-opt", "pigeon.colour"}, exitUsage, "NAME.OPTION=VALUE"},
		{"option of another plugin", []string{"-transport", "./pigeon", "-plugin-opt", "dove.colour=white"}, exitUsage, `"dove"`},
		{"option of no plugin", []string{"-transport", "tcp", "-plugin-opt", "tcp.colour=white"}, exitUsage, `"tcp"`},
		{"checksum too short", []string{"-transport", "./pigeon", "-plugin-sha256", "pigeon=00"}, exitUsage, "64 digits"},
		{"checksum of another plugin", []string{"-transport", "./pigeon", "-plugin-sha256", "dove=" + strings.Repeat("00", 32)}, exitUsage, `"dove"`},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := iris(t, "", append([]string{"-dev", "-port", "0"}, row.args...)...)
			if got.code != row.code || !strings.Contains(got.err, row.want) {
				t.Errorf("code %d, said %q; want %d and %q", got.code, got.err, row.code, row.want)
			}
		})
	}
}
