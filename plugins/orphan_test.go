//go:build unix

package plugins_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/project-iris/iris/plugins"
	"github.com/project-iris/iris/plugins/pluginrpc"
	"github.com/project-iris/iris/transport/identity"
)

// A node that dies, however it dies, leaves no plugin behind.
func TestNoOrphans(t *testing.T) {
	for _, row := range []struct {
		name   string
		plugin string
		signal syscall.Signal // for the node
		stop   bool           // the plugin, before that
	}{
		{"node killed", plainName, syscall.SIGKILL, false},
		{"node crashed", plainName, syscall.SIGABRT, false},
		{"node terminated", plainName, syscall.SIGTERM, false},
		{"node killed, plugin stopped", plainName, syscall.SIGKILL, true},
		{"node killed, plugin deaf", deafName, syscall.SIGKILL, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.plugin == deafName && runtime.GOOS != "linux" {
				t.Skip("only Linux kills what does not end by itself")
			}
			sockets, err := os.MkdirTemp("", "iris") // which a node that is killed leaves behind
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(sockets)
			host := exec.Command(os.Args[0])
			host.Env = append(os.Environ(), hostVariable+"="+install(t, row.plugin), "TMPDIR="+sockets)
			out, err := host.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := host.Start(); err != nil {
				t.Fatal(err)
			}
			line, _ := bufio.NewReader(out).ReadString('\n')
			pid, err := strconv.Atoi(strings.TrimSpace(line))
			if err != nil {
				t.Fatalf("the node says %q", line)
			}
			t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
			if row.stop {
				_ = syscall.Kill(pid, syscall.SIGSTOP)
			}
			_ = host.Process.Signal(row.signal)
			_ = host.Wait()
			eventually(t, "the plugin has ended", func() bool { return !alive(pid) })
		})
	}
}

// runHost is a node with a plugin, until it is killed.
func runHost(path string) {
	key := identity.Generate()
	id, err := identity.New(identity.Config{Key: key, Network: "net"})
	if err != nil {
		panic(err)
	}
	made, err := plugins.New(plugins.Config{Path: path, Identity: id})
	if err != nil {
		panic(err)
	}
	fmt.Println(made.PID())
	select {}
}

// alive says whether a process is there, and is more than an entry that nobody has waited
// for.
func alive(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

// A plugin ends with its standard input, and takes its sockets along: where the kernel
// does not kill it, that is how it learns that the node is gone.
func TestPluginEndsWithItsStandardInput(t *testing.T) {
	dir := safeDir(t)
	sockets := dir + "/sockets"
	if err := os.Mkdir(sockets, 0o700); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(install(t, plainName))
	command.Env = []string{
		pluginrpc.CookieKey + "=" + pluginrpc.CookieValue, pluginrpc.SocketDirKey + "=" + sockets,
		fmt.Sprintf("PLUGIN_PROTOCOL_VERSIONS=%d", pluginrpc.Version),
	}
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	greeting, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(greeting, fmt.Sprintf("1|%d|unix|%s/", pluginrpc.Version, sockets)) {
		t.Fatalf("it says %q, %v", greeting, err)
	}
	_ = in.Close()
	if err := command.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if _, err := os.Stat(sockets); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its sockets are still there: %v", err)
	}
}
