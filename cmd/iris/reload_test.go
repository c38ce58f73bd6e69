package main

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// rewrite changes a configuration.
func rewrite(t *testing.T, path string, lines ...string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
}

// A reload takes what it can, names what needs a restart each time, and does nothing where
// anything is wrong.
func TestReload(t *testing.T) {
	path := writeConfig(t, "dev = yes", "port = 0", "log-level = info", "queue = 1000000")
	hangups := make(chan os.Signal, 1)
	n := startHungUp(t, hangups, "-config", path)
	reload := func(want ...string) {
		t.Helper()
		hangups <- syscall.SIGHUP
		for _, text := range want {
			n.err.next(t, text)
		}
	}
	reload(`msg="settings are reloaded" changed=""`)
	rewrite(t, path, "dev = yes", "port = 0", "log-level = debug", "queue = 2000000", "http = 127.0.0.1:0", "join = 127.0.0.1:1")
	reload(`msg="settings are reloaded" changed="join log-level queue"`,
		`msg="changed settings need a restart of the node" settings=http`)
	reload(`msg="settings are reloaded" changed=""`, `settings=http`)
	rewrite(t, path, "dev = yes", "log-level = error", "port = many", "frob = 1")
	reload(`settings are not reloaded, nothing has changed`, `frob`)
	rewrite(t, path, "dev = yes", "log-level = error", "join = nowhere")
	reload(`-join: an address to join is HOST:PORT`, `-join comes from the configuration`)
	// The level is still debug.
	rewrite(t, path, "dev = yes", "port = 0", "log-level = debug", "queue = 2000000", "join = 127.0.0.1:1")
	reload(`msg="settings are reloaded" changed=""`)
	rewrite(t, path, "dev = yes", "port = 0", "log-level = error", "drain = 1ms")
	hangups <- syscall.SIGHUP
	hangups <- syscall.SIGHUP // the first one has been taken
	n.signals <- syscall.SIGTERM
	n.wait()
}
