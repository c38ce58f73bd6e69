//go:build unix

package gateway

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/cmd/internal/browsertest"
	"github.com/project-iris/iris/relay/client"
)

var browser = flag.String("browser", "", "program of a browser that is made of Chromium, for TestPagesCannotCall")

// attack is what a page of a stranger tries; %s is where the gateway is. Each try reports what
// came of it: "read" and the text if the page could read an answer.
const attack = `<!doctype html><body><script>
const at = "%s", outcomes = {}
const tries = {
	control: () => fetch("/control").then(r => r.text()),
	post: () => fetch(at + "/request/victim", {method: "POST", body: "x"}).then(read),
	blind: () => fetch(at + "/request/victim", {method: "POST", body: "x", mode: "no-cors"}).then(r => "sent, " + r.type),
	publish: () => fetch(at + "/publish/news", {method: "POST", body: "x", mode: "no-cors", keepalive: true}).then(r => "sent, " + r.type),
	token: () => fetch(at + "/request/victim", {method: "POST", body: "x", headers: {Authorization: "Bearer x"}}).then(read),
	events: () => new Promise(done => {
		const s = new EventSource(at + "/subscribe/news")
		s.onopen = () => done("read events")
		s.onerror = () => { s.close(); done("refused") }
	}),
	image: () => new Promise(done => {
		const i = new Image()
		i.onload = () => done("read an image")
		i.onerror = () => done("refused")
		i.src = at + "/subscribe/news"
	}),
	beacon: () => new Promise(done => done("sent: " + navigator.sendBeacon(at + "/publish/news", "x"))),
	form: () => new Promise(done => {
		const f = document.createElement("form"), i = document.createElement("iframe")
		i.name = "target"
		i.onload = () => done("sent")
		f.action = at + "/request/victim"; f.method = "POST"; f.target = "target"
		document.body.append(i, f)
		f.submit()
	}),
}
const read = async r => (r.ok ? "read " : "status " + r.status + " ") + await r.text()
const soon = new Promise(done => setTimeout(() => done("nothing"), 3000))
async function run() {
	for (const name in tries)
		outcomes[name] = await Promise.race([tries[name]().catch(e => "refused"), soon])
	await fetch("/report", {method: "POST", body: JSON.stringify(outcomes)})
}
run()
</script>`

// A page of another origin cannot use the network through a gateway, nor can one whose name
// was made to mean this host, and be it that callers need no token.
func TestPagesCannotCall(t *testing.T) {
	if *browser == "" {
		t.Skip("no -browser: run make browser")
	}
	s := startOpen(t, Config{})
	called, events := make(chan string, 100), make(chan string, 100)
	s.serve("victim", client.Service{Request: func(_ context.Context, body []byte) ([]byte, error) {
		called <- string(body)
		return []byte("secret"), nil
	}})
	if _, err := s.conn.Subscribe(t.Context(), "news", func(event []byte) { events <- string(event) }); err != nil {
		t.Fatal(err)
	}
	if answer, text := s.post("/request/victim", "control"); answer.StatusCode != 200 || text != "secret" || <-called != "control" {
		t.Fatalf("without a browser: %d %q", answer.StatusCode, text)
	}
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name string
		page string // its host
		at   string // where it finds the gateway; empty: where the page itself comes from
	}{
		{"another port of this host", "127.0.0.1", s.url},
		{"another port, by name", "127.0.0.1", "http://localhost:" + port},
		{"another host", "evil.example", s.url},
		{"a name that means this host now", "evil.example", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			outcomes := visit(t, s.Gateway, row.page, row.at)
			t.Log(outcomes)
			if outcomes["control"] != "good" || len(outcomes) != 9 {
				t.Errorf("the page did not run: %v", outcomes)
			}
			for name, outcome := range outcomes {
				if strings.HasPrefix(outcome, "read") || strings.Contains(outcome, "secret") {
					t.Errorf("%s: %s", name, outcome)
				}
			}
			if row.at == "" && !strings.HasPrefix(outcomes["post"], "status 421") {
				t.Errorf("a page under a wrong name got %q", outcomes["post"])
			}
		})
	}
	if err := s.conn.Publish(t.Context(), "news", []byte("control")); err != nil {
		t.Fatal(err)
	}
	if got := <-events; got != "control" {
		t.Errorf("a page has published %q", got)
	}
	if len(called) > 0 {
		t.Errorf("pages have asked %d times", len(called))
	}
	t.Logf("%+v", s.Stats())
}

// visit has a browser look at the page, and returns what that has reported.
func visit(t *testing.T, g *Gateway, host, at string) map[string]string {
	reports := make(chan map[string]string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/page":
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, attack, at)
		case "/control":
			fmt.Fprint(w, "good")
		case "/report":
			var outcomes map[string]string
			if err := json.NewDecoder(r.Body).Decode(&outcomes); err != nil {
				t.Error(err)
			}
			reports <- outcomes
		default:
			g.ServeHTTP(w, r)
		}
	}))
	defer server.Close()
	url := strings.Replace(server.URL, "127.0.0.1", host, 1) + "/page"
	page := browsertest.Start(t, *browser).Open(t, url)
	select {
	case outcomes := <-reports:
		return outcomes
	case <-time.After(time.Minute):
		t.Fatalf("the page has reported nothing within a minute: %v", page.Complaints())
		return nil
	}
}
