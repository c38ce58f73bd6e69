package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func policyFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPolicyCheckSaysWhoMayDoWhatAndWhy(t *testing.T) {
	file := policyFile(t, "# shop\nallow user:4001 request,tunnel shop.* rate=5\ndeny * tunnel *\n")
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{file}, exitGood, "2 rules"},
		{[]string{file, "4001", "request", "shop.x"}, exitGood, `allowed: 4001 may request "shop.x": line 2: allow user:4001 request,tunnel shop.* rate=5`},
		{[]string{file, "4001", "request", "bar"}, exitFailed, `forbidden: 4001 may not request "bar": no rule allows it`},
		{[]string{file, "4002", "tunnel", "shop.x"}, exitFailed, "line 3: deny * tunnel *"},
		{[]string{file, "unknown", "tunnel", "shop.x"}, exitFailed, "not let in"},
		{[]string{file, "4001"}, exitGood, "tunnel     line 3: deny * tunnel *"},
		{[]string{file, "no-such-user"}, exitFailed, `no user "no-such-user"`},
		{[]string{file, "4001", "ask", "x"}, exitUsage, "is no operation"},
		{[]string{file, "4001", "request"}, exitUsage, "wants FILE"},
		{[]string{policyFile(t, "\nallow")}, exitFailed, "line 2: a rule is"},
		{[]string{filepath.Dir(file)}, exitFailed, "is no file"},
		{[]string{file + "x"}, exitFailed, "cannot read the policy"},
	} {
		got := iris(t, "", append([]string{"policy", "check"}, c.args...)...)
		if got.code != c.code || !strings.Contains(got.out+got.err, c.want) {
			t.Errorf("%q: got %+v, want %d and %q", c.args[1:], got, c.code, c.want)
		}
	}
	if got := iris(t, "", "policy"); got.code != exitUsage || !strings.Contains(got.err, "wants check") {
		t.Errorf("got %+v", got)
	}
}

func TestAPolicyThatEverybodyMayWriteIsRefused(t *testing.T) {
	file := policyFile(t, "allow * * *\n")
	if err := os.Chmod(file, 0o666); err != nil || !writableByOthers {
		t.Skipf("this system has no such rights: %v", err)
	}
	if got := iris(t, "", "-dev", "-port", "0", "-policy", file); got.code != exitFailed || !strings.Contains(got.err, "chmod o-w") {
		t.Errorf("got %+v", got)
	}
}

func TestFlagsOfAccessThatDoNotFit(t *testing.T) {
	for want, args := range map[string][]string{
		"-socket-mode":       {"-socket-mode", "999"},
		"-socket-group need": {"-socket-group", "1"},
		"-audit has nothing": {"-audit", "x"},
		"no group":           {"-socket", "x", "-socket-group", "no-such-group"},
	} {
		got := iris(t, "", append([]string{"-dev", "-port", "0"}, args...)...)
		if got.code != exitUsage || !strings.Contains(got.err, want) {
			t.Errorf("%v: got %+v, want %q", args, got, want)
		}
	}
}
