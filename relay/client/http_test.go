package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/relay/client"
)

// serveHTTP serves until stop, whose result is that of ServeHTTP.
func serveHTTP(t *testing.T, cluster string, handler http.HandlerFunc, config client.Config) (stop func() error) {
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- client.ServeHTTP(ctx, cluster, handler, config) }()
	return func() error {
		cancel()
		return <-served
	}
}

func get(t *testing.T, transport *http.Transport, url string) string {
	t.Helper()
	answer, err := (&http.Client{Transport: transport}).Get(url)
	if err != nil {
		return err.Error()
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Error(err)
	}
	return string(body)
}

// Whatever speaks over package net's connections speaks over streams. One is used for
// several requests.
func TestHTTPOverStreams(t *testing.T) {
	ctx, config := testNode(t)
	stop := serveHTTP(t, "web", func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprintln(w, n, err)
	}, config)
	c := register(t, ctx, "callers", client.Service{}, config)
	transport := client.Transport(c)
	dials, dial := 0, transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		dials++
		return dial(ctx, network, address)
	}
	for range 3 {
		answer, err := (&http.Client{Transport: transport}).Post("http://web/", "", strings.NewReader(strings.Repeat("x", 1<<20)))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if string(body) != "1048576 <nil>\n" || err != nil {
			t.Errorf("answer %q, %v", body, err)
		}
		_ = answer.Body.Close()
	}
	if dials != 1 {
		t.Errorf("%d streams for 3 requests", dials)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestHTTPToWhatHasNoName(t *testing.T) {
	ctx, config := testNode(t)
	c := register(t, ctx, "callers", client.Service{}, config)
	got := get(t, client.Transport(c), "http://web:8080/")
	if want := `cluster "web": it has port 8080, but clusters have no ports`; !strings.Contains(got, want) {
		t.Errorf("got %q", got)
	}
}

// awaitAbsence waits until nobody is in a cluster.
func awaitAbsence(t *testing.T, c *client.Conn, cluster string) {
	t.Helper()
	for t.Context().Err() == nil {
		soon, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		s, err := c.Dial(soon, cluster)
		cancel()
		if errors.Is(err, client.ErrTimeout) {
			return
		}
		if err == nil {
			_ = s.Close()
		}
	}
}

// A server that stops leaves first, answers what it has, and loses no request: the next
// go to another member.
func TestAServerOfHTTPLeavesInGoodOrder(t *testing.T) {
	ctx, config := testNode(t)
	asked, release := make(chan struct{}), make(chan struct{})
	stop := serveHTTP(t, "web", func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-release
		fmt.Fprint(w, "first")
	}, config)
	c := register(t, ctx, "callers", client.Service{}, config)
	transport := client.Transport(c)
	transport.DisableKeepAlives = true
	first := make(chan string, 1)
	go func() { first <- get(t, transport, "http://web/") }()
	<-asked
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	awaitAbsence(t, c, "web")
	defer serveHTTP(t, "web", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "second") }, config)()
	for range 10 {
		if got := get(t, transport, "http://web/"); got != "second" {
			t.Errorf("the next request got %q", got)
			break
		}
	}
	close(release)
	if got := <-first; got != "first" {
		t.Errorf("the request in hand got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestAServerOfHTTPEndsWithItsNode(t *testing.T) {
	config, stopNode := startNode()
	served := make(chan error, 1)
	go func() { served <- client.ServeHTTP(t.Context(), "web", http.NotFoundHandler(), config) }()
	c, err := client.Connect(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	get(t, client.Transport(c), "http://web/") // until it is there
	stopNode()
	if err := <-served; !errors.Is(err, client.ErrClosed) {
		t.Errorf("returned %v", err)
	}
	if got := get(t, client.Transport(c), "http://web/"); !strings.Contains(got, "closed") {
		t.Errorf("got %q", got)
	}
}
