//go:build unix

package main

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// With 128 descriptors, 200 connections of applications that say nothing keep neither a peer
// out, over TCP, nor health, and the node says what it does.
func TestSilentApplicationsLeaveDescriptorsForOthers(t *testing.T) {
	key := filepath.Join(t.TempDir(), "network.pem")
	if got := iris(t, "", "keygen", key); got.code != exitGood {
		t.Fatalf("keygen: %+v", got)
	}
	flags := []string{"-net", "example", "-rsa", key, "-port", "0", "-bind", "127.0.0.1:0", "-transport", "tcp"}
	few := exec.Command("sh", append([]string{"-c", `ulimit -n 128; exec "$0" "$@"`, os.Args[0]}, append(flags, "-http", "127.0.0.1:0")...)...)
	few.Env = append(os.Environ(), programVariable+"=1")
	n := startCommand(t, few)
	for range 200 {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", n.port))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	if line := n.err.next(t, "makes room for another one"); !strings.Contains(line, "limit=80") {
		t.Error(line)
	}
	if code, body := get(t, n.admin+"/healthz"); code != http.StatusOK {
		t.Errorf("health: %d %q", code, body)
	}
	startProcess(t, append(flags, "-join", n.addr)...)
	awaitMember(t, n.admin)
}
