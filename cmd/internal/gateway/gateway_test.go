package gateway

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/node"
	"github.com/project-iris/iris/relay/client"
	"github.com/project-iris/iris/transport/identity"
)

const token = "a-token-that-nobody-guesses-0123456789"

// site is a gateway that is served, with a node of its own.
type site struct {
	*Gateway
	t   *testing.T
	url string
}

// start starts a gateway that wants a token, and ends with the test.
func start(t *testing.T, config Config) *site {
	t.Helper()
	config.Token = token
	return startOpen(t, config)
}

// startOpen starts a gateway with the token of its configuration.
func startOpen(t *testing.T, config Config) *site {
	t.Helper()
	n, err := node.Start(node.Config{Network: "test", Key: identity.Generate(), Port: node.AnyPort})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	config.Node.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(n.Port()))
	g, err := Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- g.Serve(ctx, l, time.Minute) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-served, g.Close()); err != nil {
			t.Error(err)
		}
		if s := g.Stats(); s.Streams != 0 || len(g.calls) != 0 {
			t.Errorf("left behind: %+v, %d calls", s, len(g.calls))
		}
	})
	return &site{g, t, "http://" + l.Addr().String()}
}

// serve attaches a member.
func (s *site) serve(cluster string, service client.Service) {
	s.t.Helper()
	c, err := client.Register(s.t.Context(), cluster, service, client.Config{Address: s.config.Node.Address})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
}

// call is what a caller sends.
func (s *site) call(method, path string, body io.Reader, header ...string) *http.Response {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

// post sends a body, and returns the answer's.
func (s *site) post(path, body string, header ...string) (*http.Response, string) {
	s.t.Helper()
	answer := s.call(http.MethodPost, path, strings.NewReader(body), header...)
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Error(err)
	}
	return answer, string(text)
}

func TestWhatIsAskedIsAnswered(t *testing.T) {
	s := start(t, Config{Timeout: 50 * time.Millisecond})
	s.serve("echo", client.Service{Request: func(_ context.Context, body []byte) ([]byte, error) {
		if string(body) == "fail" {
			return nil, errors.New("it hurts")
		}
		return body, nil
	}})
	s.serve("a/b \xff", client.Service{Request: func(context.Context, []byte) ([]byte, error) { return []byte("odd"), nil }})
	for _, row := range []struct {
		path, body string
		header     []string
		status     int
		reason     Reason
		text       string
	}{
		{path: "/request/echo", body: "hello\x00\xff", status: 200, text: "hello\x00\xff"},
		{path: "/request/echo", body: "", status: 200, text: ""},
		{path: "/request/echo", body: "slow", header: []string{"Iris-Timeout", "9s"}, status: 200, text: "slow"},
		{path: "/request/a/b%20%FF", status: 200, text: "odd"},
		{path: "/request/a%2Fb%20%ff", status: 200, text: "odd"},
		{path: "/request/echo", body: "fail", status: 502, reason: ReasonFault, text: "it hurts\n"},
		{path: "/request/nobody", status: 504, reason: ReasonTimeout, text: "no answer in 50ms: is a member attached? allow more with Iris-Timeout\n"},
		{path: "/request/nobody", header: []string{"Iris-Timeout", "1ms"}, status: 504, reason: ReasonTimeout, text: "no answer in 1ms: is a member attached? allow more with Iris-Timeout\n"},
		{path: "/request/echo", header: []string{"Iris-Timeout", "soon"}, status: 400, reason: ReasonInput},
		{path: "/request/echo", header: []string{"Iris-Timeout", "0s"}, status: 400, reason: ReasonInput},
		{path: "/request/echo", header: []string{"Iris-Timeout", "61m"}, status: 400, reason: ReasonInput},
		{path: "/request/", status: 400, reason: ReasonInput},
		{path: "/request", status: 400, reason: ReasonInput},
		{path: "/requests/echo", status: 404, reason: ReasonPath},
		{path: "/", status: 404, reason: ReasonPath},
		{path: "/subscribe/news", status: 405, reason: ReasonMethod},
		{path: "/publish/news", body: "x", status: 202},
		{path: "/broadcast/echo", body: "x", status: 202},
	} {
		answer, text := s.post(row.path, row.body, row.header...)
		if answer.StatusCode != row.status || answer.Header.Get("Iris-Reason") != string(row.reason) || row.text != "" && text != row.text {
			t.Errorf("%.40s %q: %d %q %.200q", row.path, row.body, answer.StatusCode, answer.Header.Get("Iris-Reason"), text)
		}
	}
	if answer := s.call(http.MethodGet, "/request/echo", nil); answer.StatusCode != 405 || answer.Header.Get("Allow") != "POST" {
		t.Errorf("GET of a request: %d", answer.StatusCode)
	}
	if st := s.Stats(); st.Handled != 7 || st.Failed[ReasonTimeout] != 2 || st.Failed[ReasonFault] != 1 {
		t.Errorf("stats %+v", st)
	}
}

// Each of what keeps strangers out does so alone, before anything is sent.
func TestWhoMayNotCall(t *testing.T) {
	s := start(t, Config{Hosts: []string{"gateway.example"}})
	ran := make(chan struct{}, 100)
	s.serve("echo", client.Service{Request: func(context.Context, []byte) ([]byte, error) {
		ran <- struct{}{}
		return nil, nil
	}})
	for _, row := range []struct {
		header []string
		status int
		reason Reason
	}{
		{[]string{"Authorization", ""}, 401, ReasonToken},
		{[]string{"Authorization", "Bearer"}, 401, ReasonToken},
		{[]string{"Authorization", "Bearer x" + token}, 401, ReasonToken},
		{[]string{"Authorization", "Basic " + token}, 401, ReasonToken},
		{[]string{"Origin", "http://evil.example"}, 403, ReasonBrowser},
		{[]string{"Origin", "null"}, 403, ReasonBrowser},
		{[]string{"Origin", ""}, 403, ReasonBrowser},
		{[]string{"Origin", s.url}, 403, ReasonBrowser},
		{[]string{"Sec-Fetch-Site", "cross-site"}, 403, ReasonBrowser},
		{[]string{"Sec-Fetch-Site", "same-origin"}, 403, ReasonBrowser},
		{[]string{"Host", "evil.example"}, 421, ReasonHost},
		{[]string{"Host", "evil.example:80"}, 421, ReasonHost},
		{[]string{"Host", "127.0.0.1.evil.example"}, 421, ReasonHost},
		{[]string{"Host", "localhost.evil.example"}, 421, ReasonHost},
	} {
		answer, _ := s.post("/request/echo", "x", row.header...)
		if answer.StatusCode != row.status || answer.Header.Get("Iris-Reason") != string(row.reason) {
			t.Errorf("%q: %d %q", row.header, answer.StatusCode, answer.Header.Get("Iris-Reason"))
		}
		for name := range answer.Header {
			if strings.HasPrefix(name, "Access-Control") {
				t.Errorf("%q: %s lets other origins read", row.header, name)
			}
		}
	}
	if len(ran) > 0 {
		t.Errorf("%d requests were sent", len(ran))
	}
	for _, header := range [][]string{
		{"Sec-Fetch-Site", "none"},
		{"Host", "localhost:1"},
		{"Host", "LOCALHOST"},
		{"Host", "[::1]:80"},
		{"Host", "[::1]"},
		{"Host", "10.0.0.1"},
		{"Host", "Gateway.Example:8080"},
		{"Authorization", "bearer  " + token},
	} {
		if answer, text := s.post("/request/echo", "x", header...); answer.StatusCode != 200 {
			t.Errorf("%q: %d %s", header, answer.StatusCode, text)
		}
	}
	preflight := s.call(http.MethodOptions, "/request/echo", nil, "Authorization", "", "Origin", "http://evil.example", "Access-Control-Request-Method", "POST")
	if preflight.StatusCode != 403 {
		t.Errorf("preflight: %d", preflight.StatusCode)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	s := start(t, Config{MaxBody: 1000, Stall: 100 * time.Millisecond})
	s.serve("echo", client.Service{Request: func(_ context.Context, body []byte) ([]byte, error) { return body, nil }})
	full := strings.Repeat("x", 1000)
	if answer, text := s.post("/request/echo", full); answer.StatusCode != 200 || text != full {
		t.Errorf("a body at the limit: %d, %d bytes", answer.StatusCode, len(text))
	}
	for name, body := range map[string]io.Reader{
		"with a length": strings.NewReader(full + "x"), "in chunks": io.MultiReader(strings.NewReader(full), strings.NewReader("x")),
	} {
		if answer := s.call(http.MethodPost, "/request/echo", body); answer.StatusCode != 413 || answer.Header.Get("Iris-Reason") != "too-large" {
			t.Errorf("%s: %d", name, answer.StatusCode)
		}
	}
	half := "POST /request/echo HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + token + "\r\nContent-Length: 10\r\n\r\nhalf"
	for name, row := range map[string]struct {
		end    func(c *net.TCPConn) error
		status int
	}{
		"half a request, then silence": {func(*net.TCPConn) error { return nil }, 408},
		"half a request, then the end": {(*net.TCPConn).CloseWrite, 400},
	} {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte(half)); err != nil {
			t.Fatal(err)
		}
		if err := row.end(c.(*net.TCPConn)); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || answer.StatusCode != row.status || answer.Header.Get("Iris-Reason") != "incomplete" {
			t.Errorf("%s: %+v, %v", name, answer, err)
		}
	}
}

// As many calls as there may be are under way; one more is refused, and the first ends with its
// caller.
func TestCallsAreBounded(t *testing.T) {
	s := start(t, Config{Calls: 1, Timeout: time.Minute})
	began, release, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	defer close(release)
	s.serve("slow", client.Service{Request: func(context.Context, []byte) ([]byte, error) {
		close(began)
		<-release
		return nil, nil
	}})
	ctx, leave := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/request/slow", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	go func() {
		_, err := http.DefaultTransport.RoundTrip(r)
		ended <- err
	}()
	<-began
	if answer, _ := s.post("/publish/news", "x"); answer.StatusCode != 503 || answer.Header.Get("Iris-Reason") != "busy" {
		t.Errorf("one more: %d", answer.StatusCode)
	}
	leave()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	await(t, func() bool { return s.Stats().Failed[ReasonCancelled] == 1 })
}

// await waits until a condition holds that other goroutines bring about.
func await(t *testing.T, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !condition(); {
		if time.Now().After(end) {
			t.Fatal("it never is")
		}
		time.Sleep(time.Millisecond) // until the next look
	}
}
