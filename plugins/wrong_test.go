package plugins_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/plugins"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

func checksum(t *testing.T, path string) []byte {
	t.Helper()
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(program)
	return sum[:]
}

func needUnix(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell, or permissions")
	}
}

// A program that is no plugin is told by what it does, and none is left behind.
func TestWrongPrograms(t *testing.T) {
	needUnix(t)
	node := identitytest.NewNetwork(t, "net").Node(t)
	for _, row := range []struct {
		name, script string
		mode         os.FileMode
		want         error
		contain      string
		waits        bool // for the end of the time that a start may take
	}{
		{"not executable", "", 0o644, plugins.ErrNotPlugin, "permission denied", false},
		{"ends at once", "exit 3", 0o755, plugins.ErrNotPlugin, "", false},
		{"says something else", "echo hello; exec sleep 60", 0o755, plugins.ErrNotPlugin, "hello", false},
		{"says nothing", "exec sleep 60", 0o755, plugins.ErrNotPlugin, "in 500ms", true},
		{"says no end", "exec cat /dev/zero", 0o755, plugins.ErrNotPlugin, "", true},
		{"leaves a child with its pipes", "sleep 60 & echo hello", 0o755, plugins.ErrNotPlugin, "hello", false},
		{"an old version", "echo '1|1|unix|/x|grpc'; exec sleep 60", 0o755, plugins.ErrVersion, `version "1"`, false},
		{"a new version", "echo '1|3|unix|/x|grpc'; exec sleep 60", 0o755, plugins.ErrVersion, `version "3"`, false},
		{"another kind of plugin", "echo '1|2|unix|/x|netrpc'; exec sleep 60", 0o755, nil, "", false},
		{"another go-plugin", "echo '2|2|unix|/x|grpc'; exec sleep 60", 0o755, plugins.ErrNotPlugin, "core", false},
		{"a socket of somebody else", "echo '1|2|unix|/run/docker.sock|grpc'; exec sleep 60", 0o755, plugins.ErrProtocol, "docker", false},
		{"a host of somebody else", "echo '1|2|tcp|203.0.113.1:80|grpc'; exec sleep 60", 0o755, plugins.ErrProtocol, "203.0.113.1", false},
		{"nobody listens", "echo \"1|2|unix|$PLUGIN_UNIX_SOCKET_DIR/x|grpc\"; exec sleep 60", 0o755, plugins.ErrNotPlugin, "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(safeDir(t), "wrong")
			write(t, path, []byte("#!/bin/sh\n"+row.script+"\n"), row.mode)
			_, err := try(t, node, path, func(c *plugins.Config) {
				c.StartTimeout = patience
				if row.waits {
					c.StartTimeout = 500 * time.Millisecond
				}
			})
			if err == nil || row.want != nil && !errors.Is(err, row.want) || !strings.Contains(err.Error(), row.contain) || len(err.Error()) > 600 {
				t.Errorf("%.1000v; want %v with %q", err, row.want, row.contain)
			}
		})
	}
}

// Only files and directories that nobody else can write are used.
func TestWhoCanWriteAPlugin(t *testing.T) {
	needUnix(t)
	node := identitytest.NewNetwork(t, "net").Node(t)
	for _, row := range []struct {
		name  string
		spoil func(path string) error
		want  error
	}{
		{"the owner", func(string) error { return nil }, nil},
		{"the group, the file", func(path string) error { return os.Chmod(path, 0o775) }, plugins.ErrUnsafe},
		{"everybody, the file", func(path string) error { return os.Chmod(path, 0o757) }, plugins.ErrUnsafe},
		{"the group, the directory", func(path string) error { return os.Chmod(filepath.Dir(path), 0o775) }, plugins.ErrUnsafe},
		{"everybody, the directory above", func(path string) error { return os.Chmod(filepath.Dir(filepath.Dir(path)), 0o777) }, plugins.ErrUnsafe},
		{"everybody, the sticky directory above", func(path string) error { return os.Chmod(filepath.Dir(filepath.Dir(path)), 0o777|os.ModeSticky) }, nil},
		{"everybody, the sticky file", func(path string) error { return os.Chmod(path, 0o757|os.ModeSticky) }, plugins.ErrUnsafe},
		{"everybody, the directory that it links to", func(path string) error { return linkElsewhere(t, path) }, plugins.ErrUnsafe},
		{"somebody else, the file", func(path string) error { return chown(t, path) }, plugins.ErrUnsafe},
		{"somebody else, the directory", func(path string) error { return chown(t, filepath.Dir(path)) }, plugins.ErrUnsafe},
		{"nobody", os.Remove, plugins.ErrNotFound},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := filepath.Join(safeDir(t), "plugins")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, plainName)
			copyFile(t, path, install(t, plainName))
			if err := row.spoil(path); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = os.Chmod(filepath.Dir(dir), 0o755) }()
			found, err := plugins.Find(dir, plainName)
			if err == nil {
				_, err = try(t, node, found)
			}
			if !errors.Is(err, row.want) || row.want == nil && err != nil {
				t.Errorf("%v; want %v", err, row.want)
			}
		})
	}
}

// linkElsewhere moves a file to a directory that everybody can write, and leaves a link.
func linkElsewhere(t *testing.T, path string) error {
	t.Helper()
	there := filepath.Join(safeDir(t), filepath.Base(path))
	return errors.Join(os.Rename(path, there), os.Chmod(filepath.Dir(there), 0o777), os.Symlink(there, path))
}

func chown(t *testing.T, path string) error {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	return os.Chown(path, 12345, -1)
}

func TestChecksum(t *testing.T) {
	node, path := identitytest.NewNetwork(t, "net").Node(t), install(t, plainName)
	sum := checksum(t, path)
	start(t, node, path, func(c *plugins.Config) { c.SHA256 = sum })
	sum[31] ^= 1
	if _, err := try(t, node, path, func(c *plugins.Config) { c.SHA256 = sum }); !errors.Is(err, plugins.ErrChecksum) {
		t.Errorf("%v; want ErrChecksum", err)
	}
}

func TestFindByName(t *testing.T) {
	dir := filepath.Dir(install(t, plainName))
	if path, err := plugins.Find(dir, plainName); err != nil || plugins.NameOf(path) != plainName {
		t.Errorf("%s, %v", path, err)
	}
	for _, name := range []string{"other", "../plain", "", ".", "Plain"} {
		if path, err := plugins.Find(dir, name); !errors.Is(err, plugins.ErrNotFound) {
			t.Errorf("%q: %s, %v; want ErrNotFound", name, path, err)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	node := identitytest.NewNetwork(t, "net").Node(t)
	many := map[string]string{}
	for i := range 65 {
		many[fmt.Sprint(i)] = ""
	}
	for _, config := range []plugins.Config{
		{},
		{Path: "/x/Websocket"},
		{Path: "/x/y", Name: "a,b"},
		{Path: "/x/y", Name: "a://b"},
		{Path: "/x/y", Options: many},
		{Path: "/x/y", Options: map[string]string{"x": strings.Repeat("x", 5000)}},
	} {
		config.Identity = node
		if _, err := plugins.New(config); !errors.Is(err, plugins.ErrConfig) {
			t.Errorf("%s %s: %v; want ErrConfig", config.Path, config.Name, err)
		}
	}
}

// What a plugin says about its options reaches the operator.
func TestOptionsAreThePluginsToCheck(t *testing.T) {
	node, path := identitytest.NewNetwork(t, "net").Node(t), install(t, plainName)
	_, err := try(t, node, path, func(c *plugins.Config) { c.Options = map[string]string{"colour": "red"} })
	if err == nil || !strings.Contains(err.Error(), `option "colour" is not known`) {
		t.Errorf("%v", err)
	}
}
