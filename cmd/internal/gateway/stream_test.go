package gateway

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/project-iris/iris/node"
	"github.com/project-iris/iris/relay/client"
	"github.com/project-iris/iris/transport/identity"
)

// reader reads a stream of events.
type reader struct {
	t     *testing.T
	lines *bufio.Scanner
}

func (s *site) subscribe(path string) *reader {
	s.t.Helper()
	answer := s.call(http.MethodGet, path, nil)
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "text/event-stream" {
		s.t.Fatalf("%s: %d %q", path, answer.StatusCode, answer.Header.Get("Content-Type"))
	}
	r := &reader{s.t, bufio.NewScanner(answer.Body)}
	r.want(": subscribed")
	return r
}

// want reads an event, by its lines.
func (r *reader) want(lines ...string) {
	r.t.Helper()
	for _, want := range append(lines, "") {
		if !r.lines.Scan() || r.lines.Text() != want {
			r.t.Fatalf("read %q, %v; want %q", r.lines.Text(), r.lines.Err(), want)
		}
	}
}

func TestSubscriptions(t *testing.T) {
	s := start(t, Config{Streams: 2})
	text, binary := s.subscribe("/subscribe/news"), s.subscribe("/subscribe/news?encoding=base64")
	if answer := s.call(http.MethodGet, "/subscribe/more", nil); answer.StatusCode != 503 || answer.Header.Get("Iris-Reason") != "busy" {
		t.Errorf("one more: %d", answer.StatusCode)
	}
	for _, row := range []struct {
		event  string
		text   []string
		binary string
	}{
		{"it rains", []string{"data: it rains"}, "aXQgcmFpbnM="},
		{"two\nlines\n", []string{"data: two", "data: lines", "data: "}, "dHdvCmxpbmVzCg=="},
		{"", []string{"data: "}, ""},
		{" grün", []string{"data:  grün"}, "IGdyw7xu"},
		{"\xff\x00", []string{"event: base64", "data: /wA="}, "/wA="},
		{"\xff", []string{"event: base64", "data: /w=="}, "/w=="},
		{"a\rb", []string{"event: base64", "data: YQ1i"}, "YQ1i"},
		{"a\x00b", []string{"event: base64", "data: YQBi"}, "YQBi"},
	} {
		if answer, _ := s.post("/publish/news", row.event); answer.StatusCode != 202 {
			t.Fatalf("publish: %d", answer.StatusCode)
		}
		text.want(row.text...)
		binary.want("event: base64", "data: "+row.binary)
	}
	if answer := s.call(http.MethodGet, "/subscribe/news?encoding=hex", nil); answer.StatusCode != 400 {
		t.Errorf("an unknown encoding: %d", answer.StatusCode)
	}
	s.End()
	if text.lines.Scan() || text.lines.Err() != nil {
		t.Errorf("the stream ends with %q, %v", text.lines.Text(), text.lines.Err())
	}
}

// A reader that takes nothing is cut off when as much waits as may, and nobody takes that
// for a good end.
func TestASlowReaderIsCutOff(t *testing.T) {
	s := start(t, Config{StreamQueue: 100, Stall: time.Minute})
	w := &stuckWriter{ResponseRecorder: httptest.NewRecorder(), began: make(chan struct{}), release: make(chan struct{})}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/subscribe/news", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	ended := make(chan any)
	go func() {
		defer func() { ended <- recover() }()
		s.ServeHTTP(w, r)
	}()
	<-w.began
	other := s.subscribe("/subscribe/news")
	for range 10 {
		s.post("/publish/news", strings.Repeat("x", 60))
		other.want("data: " + strings.Repeat("x", 60))
	}
	close(w.release)
	if how := <-ended; how != http.ErrAbortHandler {
		t.Errorf("ended with %v", how)
	}
	if st := s.Stats(); st.Failed[ReasonSlowReader] != 1 {
		t.Errorf("stats %+v", st)
	}
	if n := w.Body.Len(); n > 300 {
		t.Errorf("%d bytes were kept for the reader", n)
	}
}

// stuckWriter takes nothing until it is released.
type stuckWriter struct {
	*httptest.ResponseRecorder
	once           sync.Once
	began, release chan struct{}
}

func (*stuckWriter) SetWriteDeadline(time.Time) error { return nil }

func (w *stuckWriter) Write(b []byte) (int, error) {
	w.once.Do(func() { close(w.began) })
	<-w.release
	return w.ResponseRecorder.Write(b)
}

func TestANodeThatIsAway(t *testing.T) {
	n, err := node.Start(node.Config{Network: "test", Key: identity.Generate(), Port: node.AnyPort})
	if err != nil {
		t.Fatal(err)
	}
	g, err := Open(t.Context(), Config{Node: client.Config{Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(n.Port()))}})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	server := httptest.NewServer(g)
	defer server.Close()
	defer g.End()
	s := &site{g, t, server.URL}
	events := s.subscribe("/subscribe/news")
	n.Close()
	events.want("event: lost", "data: the node is away: events are missed")
	answer, text := s.post("/request/echo", "x")
	if answer.StatusCode != 503 || answer.Header.Get("Iris-Reason") != "not-sent" || answer.Header.Get("Retry-After") != "1" {
		t.Errorf("%d %q", answer.StatusCode, text)
	}
}

func TestEventsStayWhatTheyAre(t *testing.T) {
	if got := appendEvent([]byte("x"), []byte("a\nb"), false); !bytes.Equal(got, []byte("xdata: a\ndata: b\n\n")) {
		t.Errorf("got %q", got)
	}
}
