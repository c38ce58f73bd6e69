package node

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/project-iris/iris/transport/identity/identitytest"
)

// Over HTTP a node is only asked, and by no page that comes from elsewhere.
func TestWhoMayAskOverHTTP(t *testing.T) {
	n := &Node{config: Config{Admin: "0.0.0.0:1", AdminHosts: []string{"iris.example"}}}
	handler := n.forThisHost(onlyQuestions(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "told") })))
	for _, row := range []struct {
		method, host string
		headers      map[string]string
		code         int
	}{
		{"GET", "127.0.0.1:55580", nil, 200},
		{"HEAD", "[::1]:55580", nil, 200},
		{"GET", "localhost", nil, 200},
		{"GET", "IRIS.example:55580", nil, 200},
		{"GET", "10.1.2.3:55580", nil, 200},
		{"GET", "127.0.0.1:55580", map[string]string{"Origin": "http://127.0.0.1:55580", "Sec-Fetch-Site": "same-origin"}, 200},

		{"GET", "rebound.example:55580", nil, 421}, // a name that an attacker has let mean 127.0.0.1
		{"GET", "127.0.0.1.example", nil, 421},
		{"GET", "127.0.0.1:55580", map[string]string{"Origin": "http://evil.example"}, 403},
		{"GET", "127.0.0.1:55580", map[string]string{"Origin": "null"}, 403},
		{"GET", "127.0.0.1:55580", map[string]string{"Origin": "http://127.0.0.1:80"}, 403},
		{"GET", "127.0.0.1:55580", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"GET", "127.0.0.1:55580", map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		{"POST", "127.0.0.1:55580", nil, 405},
		{"PUT", "127.0.0.1:55580", nil, 405},
		{"OPTIONS", "127.0.0.1:55580", map[string]string{"Origin": "http://evil.example"}, 403},
	} {
		r := httptest.NewRequest(row.method, "/v1/status", nil)
		r.Host = row.host
		for key, value := range row.headers {
			r.Header.Set(key, value)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != row.code || (w.Code != 200) == strings.Contains(w.Body.String(), "told") {
			t.Errorf("%s at %q with %v: %d %s, want %d", row.method, row.host, row.headers, w.Code, w.Body, row.code)
		}
	}
}

// What changes a node goes by its socket, and a level that there is not changes nothing.
func TestCommands(t *testing.T) {
	level := new(slog.LevelVar)
	n := &Node{config: Config{Logger: slog.New(slog.DiscardHandler), LogLevel: level}, id: identitytest.NewNetwork(t, "net").Node(t)}
	asked := 0
	n.askDrain = func() { asked++ }
	tell := func(method, path, body string) (int, string) {
		w := httptest.NewRecorder()
		n.commands().ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	for _, row := range []struct {
		method, body string
		code         int
		text         string
		level        slog.Level
	}{
		{"GET", "", 200, "info", slog.LevelInfo},
		{"PUT", "debug", 200, "debug", slog.LevelDebug},
		{"PUT", "loud", 400, `"loud" is not debug, info, warn or error`, slog.LevelDebug},
		{"PUT", strings.Repeat("x", 1<<20), 400, `"xxxxxxxxxxxxxxxx" is not debug, info, warn or error`, slog.LevelDebug},
	} {
		if code, text := tell(row.method, "/v1/log-level", row.body); code != row.code || text != row.text || level.Level() != row.level {
			t.Errorf("%s %.10q: %d %q, and the level is %v", row.method, row.body, code, text, level.Level())
		}
	}
	if code, _ := tell("GET", "/v1/drain", ""); code != 405 || asked != 0 {
		t.Errorf("drain by GET: %d", code)
	}
	for node, text := range map[string]string{"feedbeef": "is told to drain on its own host", n.ID().Short()[:2]: "is told to drain on its own host", "\x1b[2J": `not "\\x1b[2J"`} {
		if code, got := tell("POST", "/v1/drain?node="+url.QueryEscape(node), ""); code != 409 || asked != 0 || !strings.Contains(got, text) {
			t.Errorf("drain of %q: %d %q, and asked %d times", node, code, got, asked)
		}
	}
	if code, _ := tell("POST", "/v1/drain?node="+n.ID().Short(), ""); code != 202 || asked != 1 {
		t.Errorf("drain by its id: %d, and asked %d times", code, asked)
	}
	asked = 0
	if code, _ := tell("POST", "/v1/drain", ""); code != 202 || asked != 1 {
		t.Errorf("drain: %d, and asked %d times", code, asked)
	}
}
