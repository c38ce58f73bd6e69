package node

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/transport/identity"
)

// Requests are traced by the socket alone, and within bounds.
func TestTracesAreAskedForBySocket(t *testing.T) {
	n, err := Start(Config{Network: "alone", Key: identity.Generate(), Port: AnyPort})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	w := httptest.NewRecorder()
	n.forThisHost(onlyQuestions(n.reads(http.NotFound))).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "http://127.0.0.1/v1/trace?name=work&for=1ms", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("over HTTP: %d %s", w.Code, w.Body)
	}
	for query, want := range map[string]int{
		"name=work&for=1ms": http.StatusOK, "name=work&for=1ms&count=100&every=7": http.StatusOK,
		"": http.StatusBadRequest, "name=work&count=x": http.StatusBadRequest, "name=work&count=101": http.StatusBadRequest,
		"name=work&every=0": http.StatusBadRequest, "name=work&for=11m": http.StatusBadRequest, "name=work&for=x": http.StatusBadRequest,
	} {
		w := httptest.NewRecorder()
		n.commands().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/trace?"+query, nil))
		if w.Code != want {
			t.Errorf("%q: %d %s", query, w.Code, w.Body)
		}
		var traces status.Traces
		if want == http.StatusOK && (json.Unmarshal(w.Body.Bytes(), &traces) != nil || traces.Cluster != "work" || traces.Traces == nil || traces.Node != n.ID()) {
			t.Errorf("%q: %s", query, w.Body)
		}
	}
	if n.overlay.Traces().Armed() {
		t.Error("the node traces after the end")
	}
}
