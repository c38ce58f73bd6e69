package node

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// Pages of browsers get nothing of the admin endpoint, neither by a name that leads here nor
// from their own host.
func TestAdminRequestsAreForThisHost(t *testing.T) {
	self, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	n := &Node{config: Config{Admin: "admin.example:1", AdminHosts: []string{"iris.example", "other.example"}}}
	served := n.forThisHost(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	const own = "127.0.0.1:55580"
	var forbidden uint64
	for _, row := range []struct {
		name, host string
		origin     []string
		want       int
	}{
		{"an IPv4 address", own, nil, http.StatusOK},
		{"an IPv4 address without a port", "10.0.0.1", nil, http.StatusOK},
		{"an IPv6 address", "[::1]:55580", nil, http.StatusOK},
		{"an IPv6 address without a port", "[fe80::1]", nil, http.StatusOK},
		{"localhost", "LocalHost:55580", nil, http.StatusOK},
		{"this host", self + ":55580", nil, http.StatusOK},
		{"the host of -http", "admin.example", nil, http.StatusOK},
		{"a name that was given", "OTHER.example:55580", nil, http.StatusOK},
		{"none, as in HTTP/1.0", "", nil, http.StatusOK},
		{"a name that leads here", "evil.example:55580", nil, http.StatusMisdirectedRequest},
		{"a name that begins like one", "iris.example.evil.example", nil, http.StatusMisdirectedRequest},
		{"a name that begins like an address", "127.0.0.1.evil.example", nil, http.StatusMisdirectedRequest},
		{"its own page", own, []string{"http://" + own}, http.StatusOK},
		{"its own page behind TLS", "iris.example", []string{"https://iris.example"}, http.StatusOK},
		{"another page", own, []string{"https://evil.example"}, http.StatusForbidden},
		{"another page of this host", own, []string{"http://127.0.0.1:8080"}, http.StatusForbidden},
		{"a page without an origin", own, []string{"null"}, http.StatusForbidden},
		{"an empty origin", own, []string{""}, http.StatusForbidden},
		{"two origins", own, []string{"http://" + own, "https://evil.example"}, http.StatusForbidden},
	} {
		r := httptest.NewRequest(http.MethodGet, "/members", nil)
		r.Host = row.host
		if row.origin != nil {
			r.Header["Origin"] = row.origin
		}
		w := httptest.NewRecorder()
		served.ServeHTTP(w, r)
		if w.Code != row.want {
			t.Errorf("%s: %d, want %d", row.name, w.Code, row.want)
		}
		if row.want != http.StatusOK {
			forbidden++
		}
	}
	if got := n.turnedAway.forbidden.Load(); got != forbidden {
		t.Errorf("%d are counted that were forbidden, want %d", got, forbidden)
	}
}

// adminOf serves the admin endpoint of a node that has nothing else.
func adminOf(t *testing.T) (n *Node, url string, log *bytes.Buffer) {
	t.Helper()
	log = new(bytes.Buffer)
	n = &Node{config: Config{Logger: slog.New(slog.NewTextHandler(log, nil))}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := n.serveAdmin(n.guardAdmin(l), n.forThisHost(n.reads(n.sayNetwork)))
	t.Cleanup(func() { a.close(t.Context()) })
	return n, "http://" + l.Addr().String(), log
}

func TestTheAdminEndpointIsGuarded(t *testing.T) {
	_, url, log := adminOf(t)
	r, err := http.NewRequest(http.MethodGet, url+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "evil.example"
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	response.Body.Close()
	if response.StatusCode != http.StatusMisdirectedRequest || !strings.Contains(string(body), "-http-host") {
		t.Errorf("%s: %q", response.Status, body)
	}
	http.DefaultClient.CloseIdleConnections()
	if log.Len() > 0 {
		t.Errorf("logged %q", log)
	}
}

// Connections that ask nothing have so many places and no more.
func TestSilentAdminConnectionsMakeRoom(t *testing.T) {
	n, url, _ := adminOf(t)
	var all []net.Conn
	for range maxAdminConns + 10 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		all = append(all, conn)
	}
	closed := make(chan error, len(all))
	for _, conn := range all {
		go func() {
			_, err := conn.Read(make([]byte, 1))
			closed <- err
		}()
	}
	for range 10 { // at once, not when they have had their time
		select {
		case <-closed:
		case <-time.After(adminTimeout / 2):
			t.Fatal("all of them stay")
		}
	}
	if got := n.turnedAway.evicted.Load(); got != 10 {
		t.Errorf("%d are counted that made room, want 10", got)
	}
	response, err := http.Get(url + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if response.StatusCode != http.StatusOK {
		t.Error(response.Status)
	}
}

// elsewhere is a listener at an address.
type elsewhere struct {
	net.Listener
	ip string
}

func (l elsewhere) Addr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(l.ip), Port: 55580} }

func TestAnAdminEndpointForOtherHostsIsWarnedOf(t *testing.T) {
	for ip, warned := range map[string]bool{"127.0.0.1": false, "::1": false, "10.0.0.1": true, "0.0.0.0": true, "::": true} {
		var log bytes.Buffer
		n := &Node{config: Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}}
		n.guardAdmin(elsewhere{ip: ip})
		if got := strings.Contains(log.String(), "level=WARN"); got != warned {
			t.Errorf("%s: logged %q", ip, log.String())
		}
	}
}
