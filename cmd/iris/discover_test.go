package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/project-iris/iris/node"
)

func TestWaysToDiscover(t *testing.T) {
	for _, row := range []struct {
		flags []string
		dev   bool
		bind  string
		want  []string
		wrong bool
	}{
		{want: []string{"beacon"}},
		{bind: "10.0.0.1:14142", want: []string{"beacon"}},
		{bind: ":14142", want: []string{"beacon"}},
		{dev: true, bind: "127.0.0.1:0"},
		{bind: "127.0.0.1:0"},
		{bind: "127.8.8.8:14142"},
		{bind: "[::1]:0"},
		{bind: "localhost:0"},
		{flags: []string{"none"}},
		{flags: []string{"beacon"}, bind: "127.0.0.1:0", want: []string{"beacon"}},
		{flags: []string{"beacon, dns:a:1", "scan"}, want: []string{"beacon", "dns:a:1", "scan"}},
		{flags: []string{"scan,exec:list --filter a,b", "dns:x"}, want: []string{"scan", "exec:list --filter a,b", "dns:x"}},
		{flags: []string{"none", "scan"}, wrong: true},
	} {
		var w ways
		for _, f := range row.flags {
			if err := w.Set(f); err != nil {
				t.Fatal(err)
			}
		}
		got, err := w.resolve(row.dev, row.bind)
		if !reflect.DeepEqual(append([]string(nil), got...), row.want) || (err != nil) != row.wrong {
			t.Errorf("-discover %q with -dev %v and -bind %q: got %q, %v", row.flags, row.dev, row.bind, got, err)
		}
	}
}

// startAdmin starts a node on loopback that has an admin endpoint, whose URL it returns.
func startAdmin(t *testing.T, args ...string) (n *running, peer, url string) {
	t.Helper()
	n = start(t, nil, append([]string{"-port", "0", "-bind", "127.0.0.1:0", "-http", ":0"}, args...)...)
	ready := n.err.next(t, "msg=ready")
	found := regexp.MustCompile(`peer=\S*?(127\.0\.0\.1:\d+).* http=(127\.0\.0\.1:\d+)`).FindStringSubmatch(ready)
	if found == nil {
		t.Fatalf("the node is ready without addresses: %s", ready)
	}
	return n, found[1], "http://" + found[2]
}

// get returns what an admin endpoint says.
func get(t *testing.T, url string) (code int, body string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(b)
}

// awaitMember waits until a node knows another one, and returns it.
func awaitMember(t *testing.T, url string) node.Member {
	t.Helper()
	for look := time.NewTicker(20 * time.Millisecond); ; <-look.C {
		var m node.Members
		if _, body := get(t, url+"/members"); json.Unmarshal([]byte(body), &m) != nil {
			t.Fatalf("members: %s", body)
		}
		if len(m.Members) > 0 && m.Members[0].Link != "" {
			look.Stop()
			return m.Members[0]
		}
	}
}

func TestAdminEndpoint(t *testing.T) {
	n, peer, url := startAdmin(t, newKey(t, "example")...)
	for _, row := range []struct {
		path string
		code int
		want string
	}{
		{"/healthz", http.StatusOK, "ok\n"},
		{"/readyz", http.StatusOK, "ready\n"},
		{"/members", http.StatusOK, `"network": "example"`},
		{"/members", http.StatusOK, `"quic://` + peer + `"`},
		{"/members/count", http.StatusOK, "0\n"},
		{"/members/" + strings.Repeat("0", 64), http.StatusNotFound, "no member\n"},
		{"/members/0", http.StatusBadRequest, "64 hexadecimal digits"},
		{"/nothing", http.StatusNotFound, ""},
	} {
		if code, body := get(t, url+row.path); code != row.code || !strings.Contains(body, row.want) {
			t.Errorf("%s: %d %s, want %d %s", row.path, code, body, row.code, row.want)
		}
	}
	response, err := http.Post(url+"/members", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %s", response.Status)
	}
	at := strings.TrimPrefix(url, "http://")
	if got := iris(t, "", "members", "-http", at); got.code != exitGood || !strings.Contains(got.out, "this node") {
		t.Errorf("iris members: %+v", got)
	}
	n.signals <- syscall.SIGTERM
	if code := n.wait(); code != exitGood {
		t.Errorf("the node ended with %d", code)
	}
}

// A node that drains says that it is not ready, and is healthy.
func TestANodeThatDrainsIsNotReady(t *testing.T) {
	n := start(t, nil, "-dev", "-port", "0", "-http", ":0", "-drain", "1h")
	ready := regexp.MustCompile(`port=(\d+) .*http=(\S+)`).FindStringSubmatch(n.err.next(t, "msg=ready"))
	port, url := "-port="+ready[1], "http://"+ready[2]
	gate, open := fifo(t)
	start(t, nil, "reply", port, "slow", "cat", gate).err.next(t, "serving")
	answered := make(chan result)
	go func() { answered <- iris(t, "", "request", port, "slow", "x") }()
	release := open()
	n.signals <- syscall.SIGTERM
	n.err.next(t, "draining")
	for look := time.NewTicker(10 * time.Millisecond); ; <-look.C {
		if code, _ := get(t, url+"/readyz"); code == http.StatusServiceUnavailable {
			look.Stop()
			break
		}
	}
	if code, _ := get(t, url+"/healthz"); code != http.StatusOK {
		t.Errorf("healthz: %d", code)
	}
	release("done")
	<-answered
}

// Ways to find a node without a beacon: each is said in the list of members.
func TestHowNodesAreFound(t *testing.T) {
	key := newKey(t, "example")
	_, peer, first := startAdmin(t, key...)
	state := filepath.Join(t.TempDir(), "state")
	for _, row := range []struct {
		name  string
		found string
		more  []string
	}{
		{"-join=" + peer, "join", []string{"-state", state}},
		{"-discover=exec:echo " + peer, "exec:echo", nil},
		{"-discover=dns:" + peer, "dns:" + peer, nil},
	} {
		n, _, url := startAdmin(t, append(append(key, row.name), row.more...)...)
		if m := awaitMember(t, url); m.Found != row.found || m.Transport != "quic" || !strings.Contains(strings.Join(m.Addresses, " "), peer) {
			t.Errorf("%s: found %+v", row.name, m)
		}
		if m := awaitMember(t, first); m.Found != "itself" {
			t.Errorf("%s: the other one has found %+v", row.name, m)
		}
		n.signals <- os.Interrupt
		if code := n.wait(); code != exitGood {
			t.Errorf("%s: the node ended with %d", row.name, code)
		}
	}
	_, _, url := startAdmin(t, append(key, "-discover", "none", "-state", state)...)
	m := awaitMember(t, url)
	if m.Found != "remembered" {
		t.Errorf("after a restart it has found %+v", m)
	}
	if code, body := get(t, url+"/members/"+m.ID.String()); code != http.StatusOK || body != "member\n" {
		t.Errorf("of one that it has found it says %d %s", code, body)
	}
	if code, body := get(t, url+"/members/count"); code != http.StatusOK || body != "1\n" {
		t.Errorf("it says that there are %d %s", code, body)
	}
}

func TestTheTableOfMembersIsHarmless(t *testing.T) {
	var out strings.Builder
	p := &program{out: &out}
	if err := p.printMembers([]byte(`{"members":[{"id":"` + strings.Repeat("ab", 32) + `","addresses":["quic://\u001b[2Jx","y"],"found":"join\r"}]}`)); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.ContainsAny(got, "\x1b\r") || !strings.Contains(got, "abababab") || !strings.Contains(got, `quic://\x1b[2Jx y`) {
		t.Errorf("got %q", got)
	}
	if err := p.printMembers([]byte("<html>")); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("got %v", err)
	}
}

// newKey makes a network key and returns the flags of a node that has it.
func newKey(t *testing.T, network string) []string {
	t.Helper()
	key := filepath.Join(t.TempDir(), "network.pem")
	if got := iris(t, "", "keygen", key); got.code != exitGood {
		t.Fatalf("keygen: %+v", got)
	}
	return []string{"-net", network, "-rsa", key}
}
