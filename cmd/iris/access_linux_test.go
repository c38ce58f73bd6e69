package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// users runs the test's program as other users.
type users struct {
	t       *testing.T
	program string // where they may run it
}

func asUsers(t *testing.T) users {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be other users")
	}
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Skip("needs setpriv, to be other users")
	}
	dir, err := os.MkdirTemp("", "iris")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	u := users{t, filepath.Join(dir, "iris")}
	from, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.OpenFile(u.program, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(to, from)
	if err := errors.Join(err, to.Close(), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	if out, err := u.command(7001, "variable", "-h").CombinedOutput(); errors.Is(err, os.ErrPermission) || strings.Contains(string(out), "ermission denied") {
		t.Skipf("other users cannot run a program in %s: %s", dir, out)
	}
	return u
}

// command is the program as a user, in a group of the same number and a hundred.
func (u users) command(uid int, variable string, args ...string) *exec.Cmd {
	c := exec.Command("setpriv", append([]string{
		fmt.Sprintf("--reuid=%d", uid), fmt.Sprintf("--regid=%d", uid+100), "--clear-groups", u.program,
	}, args...)...)
	c.Env = append(os.Environ(), variable+"=1")
	c.Dir = "/"
	return c
}

// try makes an attempt, and returns what came of it.
func (u users) try(uid int, how, address, operation, name string) string {
	u.t.Helper()
	variable, args := applicationVariable, []string{how, address, operation, name}
	if how == "program" {
		flag := "-port=" + address[strings.LastIndexByte(address, ':')+1:]
		if path, ok := strings.CutPrefix(address, "unix:"); ok {
			flag = "-socket=" + path
		}
		variable, args = programVariable, []string{operation, flag, name, "hello"}
		if operation == "register" {
			args = []string{"reply", flag, name, "cat"}
		}
	}
	out, _ := u.command(uid, variable, args...).CombinedOutput() // it says itself what went wrong
	return strings.TrimSpace(string(out))
}

// Three users, each by the Go binding, by the program and by bytes, over TCP and the Unix socket.
func TestUsersMayDoWhatThePolicySays(t *testing.T) {
	u := asUsers(t)
	dir := filepath.Dir(u.program)
	file, socket, audit := filepath.Join(dir, "policy"), filepath.Join(dir, "socket"), filepath.Join(dir, "audit")
	write := func(rules string) {
		if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const rules = "allow user:7001 register,request shop.*\nallow user:7002 request shop.*\nallow group:7103 register by.group\n"
	write(rules)
	n := startProcess(t, "-dev", "-port", "0", "-socket", socket, "-socket-mode", "0666", "-policy", file, "-audit", audit)

	server := u.command(7001, programVariable, "reply", "-socket", socket, "shop.echo", "cat")
	said := newLines()
	server.Stderr = said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	said.next(t, "serving")

	addresses := map[string]string{"TCP": "127.0.0.1:" + n.port, "IPv6": "[::1]:" + n.port, "Unix": "unix:" + socket}
	for over, address := range addresses {
		for _, how := range []string{"binding", "raw", "program"} {
			if how == "program" && over == "IPv6" {
				continue // it uses 127.0.0.1
			}
			t.Run(over+" "+how, func(t *testing.T) {
				u := users{t, u.program}
				for uid, may := range map[int]bool{7001: true, 7002: true, 7003: false} {
					got := u.try(uid, how, address, "request", "shop.echo")
					if may != strings.HasPrefix(got, "hello") || !may && !strings.Contains(got, fmt.Sprintf("user %d may not request", uid)) {
						t.Errorf("user %d requests: %s", uid, got)
					}
				}
				for _, uid := range []int{7002, 7003} {
					if got := u.try(uid, how, address, "register", "shop.echo"); !strings.Contains(got, fmt.Sprintf("user %d may not register", uid)) {
						t.Errorf("user %d registers: %s", uid, got)
					}
				}
				if how == "program" {
					return // a server would not end
				}
				if got := u.try(7001, how, address, "register", "shop.other"); got != "<nil>" {
					t.Errorf("user 7001 registers: %s", got)
				}
				// Which group the process is in is known of a Unix socket alone.
				if got := u.try(7003, how, address, "register", "by.group"); (got == "<nil>") != (over == "Unix") {
					t.Errorf("group 7103 registers: %s", got)
				}
			})
		}
	}
	lines, err := os.ReadFile(audit)
	if err != nil || !strings.Contains(string(lines), "uid=7003") || !strings.Contains(string(lines), "operation=register") {
		t.Errorf("the audit has %s, %v", lines, err)
	}

	write(rules + "allow user:7003 ask shop.echo\n")
	_ = n.command.Process.Signal(syscall.SIGHUP)
	n.err.next(t, "nothing has changed")
	if got := u.try(7002, "raw", addresses["TCP"], "request", "shop.echo"); !strings.HasPrefix(got, "hello") {
		t.Errorf("after a policy that is wrong: %s", got)
	}
	write(rules + "allow user:7003 request shop.echo\n")
	_ = n.command.Process.Signal(syscall.SIGHUP)
	n.err.next(t, "settings are reloaded")
	if got := u.try(7003, "raw", addresses["TCP"], "request", "shop.echo"); !strings.HasPrefix(got, "hello") {
		t.Errorf("after a policy that allows it: %s", got)
	}
	write("deny * * *\n")
	_ = n.command.Process.Signal(syscall.SIGHUP)
	said.next(t, "the node is gone")
	n.err.next(t, "application was denied") // that tries to come back
}

// The mode of the socket keeps other users out.
func TestTheModeOfTheSocketCounts(t *testing.T) {
	u := asUsers(t)
	socket := filepath.Join(filepath.Dir(u.program), "socket")
	startProcess(t, "-dev", "-port", "0", "-socket", socket, "-socket-mode", "0660", "-socket-group", "7102")
	if got := u.try(7001, "binding", "unix:"+socket, "register", "x"); !strings.Contains(got, "permission denied") {
		t.Errorf("user 7001: %s", got)
	}
	if got := u.try(7002, "binding", "unix:"+socket, "register", "x"); got != "<nil>" {
		t.Errorf("user 7002: %s", got)
	}
	if got := u.try(7001, "program", "unix:"+socket, "request", "x"); !strings.Contains(got, "this user may not attach") {
		t.Errorf("user 7001: %s", got)
	}
}
