package main

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/project-iris/iris/plugins"
	"github.com/project-iris/iris/plugins/pluginrpc"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
	"github.com/project-iris/iris/transport/identity/identitytest"
	"github.com/project-iris/iris/transport/transporttest"
)

// freshWindow is what a new stream takes before anybody reads, in bytes.
const freshWindow = 64 << 10

// A node starts the program of this test as the plugin.
func TestMain(m *testing.M) {
	if os.Getenv(pluginrpc.CookieKey) != "" {
		exitAtOnce()
		main()
	}
	os.Exit(m.Run())
}

// exitAtOnce starts the program anew, in the same process, so that the race detector does
// not wait for a second when it ends. The detector reads its settings when it starts, and
// plugins do not get the environment of the test.
func exitAtOnce() {
	const setting = "GORACE"
	if os.Getenv(setting) == "" {
		_ = syscall.Exec(os.Args[0], os.Args, append(os.Environ(), setting+"=atexit_sleep_ms=0"))
	}
}

// program returns the path of the plugin: this program, as only its owner can write it.
func program(t testing.TB) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(self, info.Mode()&^fs.FileMode(0o022)); err != nil {
		t.Fatal(err)
	}
	return filepath.Clean(self)
}

// start starts a node's end of the plugin.
func start(t testing.TB, id *identity.Identity, options map[string]string, changes ...func(*plugins.Config)) *plugins.Transport {
	t.Helper()
	config := plugins.Config{
		Path: program(t), Name: "websocket", Identity: id, Options: options,
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	for _, change := range changes {
		change(&config)
	}
	made, err := plugins.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = made.Close() })
	return made
}

func TestConformance(t *testing.T) {
	transporttest.Run(t, func(t *testing.T) transporttest.Pair {
		network := identitytest.NewNetwork(t, "net")
		one, two := network.Node(t), network.Node(t)
		return transporttest.Pair{
			A: start(t, one, nil), B: start(t, two, nil),
			AID: one.ID(), BID: two.ID(),
			Address: "127.0.0.1:0", Buffered: freshWindow,
		}
	})
}

func TestVersions(t *testing.T) {
	transporttest.RunVersions(t, func(t *testing.T, a, b transport.Versions, log *slog.Logger) transporttest.Pair {
		network := identitytest.NewNetwork(t, "net")
		one, two := network.Node(t), network.Node(t)
		return transporttest.Pair{
			A:   start(t, one, nil, func(c *plugins.Config) { c.Versions = a }),
			B:   start(t, two, nil, func(c *plugins.Config) { c.Versions, c.Logger = b, log }),
			AID: one.ID(), BID: two.ID(), Address: "127.0.0.1:0",
		}
	})
}
