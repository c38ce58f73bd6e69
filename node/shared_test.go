package node

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/overlay"
)

// However many ask at a time, or within a second, the nodes are asked once.
func TestManyWhoAskShareAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s shared
		var collected atomic.Int64
		collect := func(ctx context.Context) *status.Network {
			time.Sleep(overlay.AskTime) // as when a node does not answer, in virtual time
			if ctx.Err() != nil {
				t.Error("it is given up with who has asked first, though others wait")
			}
			collected.Add(1)
			return &status.Network{}
		}
		var asking sync.WaitGroup
		first, leave := context.WithCancel(t.Context())
		asking.Go(func() { s.get(first, collect) })
		synctest.Wait()
		for range 100 {
			asking.Go(func() {
				if s.get(t.Context(), collect) == nil {
					t.Error("one who waits gets nothing")
				}
			})
		}
		asking.Go(func() {
			impatient, cancel := context.WithTimeout(t.Context(), overlay.AskTime/2)
			defer cancel()
			if s.get(impatient, collect) != nil {
				t.Error("one who does not wait has an answer")
			}
		})
		synctest.Wait()
		leave()
		asking.Wait()
		s.get(t.Context(), collect)
		if got := collected.Load(); got != 1 {
			t.Errorf("within a second the nodes were asked %d times", got)
		}
		time.Sleep(sharedFor + time.Millisecond)
		s.get(t.Context(), collect)
		if got := collected.Load(); got != 2 {
			t.Errorf("after a second the nodes were asked %d times in all", got)
		}
		time.Sleep(sharedFor + time.Millisecond)
		synctest.Wait()
		if s.last != nil {
			t.Error("the trees stay in memory when nobody asks")
		}
	})
}

// The page and what it asks are there at -http, for this host alone.
func TestThePageAtHTTP(t *testing.T) {
	n, url, _ := adminOf(t)
	ask := func(host, path string) (code int, header http.Header, body string) {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, answer.Header, string(text)
	}
	defer http.DefaultClient.CloseIdleConnections()
	code, header, body := ask("localhost", "/")
	if code != http.StatusOK || !strings.Contains(header.Get("Content-Security-Policy"), "default-src 'none'") || !strings.HasPrefix(body, "<!doctype html>") {
		t.Errorf("the page: %d %v %.30q", code, header, body)
	}
	if code, _, _ := ask("evil.example", "/"); code != http.StatusMisdirectedRequest {
		t.Errorf("under the name of another host: %d", code)
	}
	if code, _, _ := ask("localhost", "/index.html"); code != http.StatusNotFound {
		t.Errorf("what is not there: %d", code)
	}
	var reasons []struct{ Reason, Weight, Text string }
	_, _, body = ask("localhost", "/v1/reasons")
	if err := json.Unmarshal([]byte(body), &reasons); err != nil || len(reasons) != len(status.Reasons) || reasons[0].Weight != "lost" {
		t.Errorf("reasons: %v, %.200s", err, body)
	}
	for _, wrong := range []string{"0", "-1", "x", "99999999999999999999"} {
		for _, what := range []string{"/v1/network", "/v1/status"} {
			w := httptest.NewRecorder()
			n.reads(n.sayNetwork).ServeHTTP(w, httptest.NewRequest(http.MethodGet, what+"?most="+wrong, nil))
			if w.Code != http.StatusBadRequest {
				t.Errorf("%s?most=%s: %d", what, wrong, w.Code)
			}
		}
	}
}
