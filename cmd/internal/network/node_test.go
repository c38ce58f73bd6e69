package network

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/project-iris/iris/cmd/internal/process"
	"github.com/project-iris/iris/transport"
)

// fakeNode is a process that does nothing, and an admin endpoint.
func fakeNode(t *testing.T, g *process.Group, admin http.HandlerFunc) *oneNode {
	t.Helper()
	p, err := g.Start(process.Spec{Name: "fake", Path: os.Args[0], Env: append(os.Environ(), roleVariable+"=mute")})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(admin)
	t.Cleanup(server.Close)
	return &oneNode{Process: p, where: readyLine{HTTP: strings.TrimPrefix(server.URL, "http://")}}
}

// The time until a lost node is known to be dead ends when the last of the others says so.
func TestALostNodeIsAskedForUntilNobodyKnowsIt(t *testing.T) {
	g := process.NewGroup()
	t.Cleanup(g.Close)
	var lost transport.PeerID
	lost[0] = 7
	var asked []string
	other := func(name string, knows int) *oneNode {
		return fakeNode(t, g, func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, name)
			if knows--; r.URL.Path != "/members/"+lost.String() {
				w.WriteHeader(http.StatusInternalServerError)
			} else if knows < 0 {
				w.WriteHeader(http.StatusNotFound)
			}
		})
	}
	victim := fakeNode(t, g, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"self":{"id":%q}}`, lost) })
	r := &run{nodes: []*oneNode{other("one", 2), other("two", 1), victim}}
	var loss Loss
	if err := r.loseAtRest(t.Context(), os.Kill, &loss); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(asked, " "); got != "one one one two two" || loss.Known <= 0 {
		t.Errorf("asked %s, known after %v", got, loss.Known)
	}
	<-victim.Ended()
}

func TestWhatNodesSay(t *testing.T) {
	g := process.NewGroup()
	t.Cleanup(g.Close)
	answer, code := "", http.StatusOK
	n := fakeNode(t, g, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		fmt.Fprint(w, answer)
	})
	answer = "12\n"
	if got, err := n.others(t.Context()); got != 12 || err != nil {
		t.Errorf("others: %d, %v", got, err)
	}
	answer = `{"members":[{"link":"127.0.0.1:1"},{},{"link":"127.0.0.1:2"}]}`
	if got, err := n.links(t.Context()); got != 2 || err != nil {
		t.Errorf("links: %d, %v", got, err)
	}
	code, answer = http.StatusBadGateway, "12"
	_, err := n.others(t.Context())
	_, linksErr := n.links(t.Context())
	_, knowsErr := n.knows(t.Context(), transport.PeerID{})
	for _, err := range []error{err, linksErr, knowsErr} {
		if err == nil || !strings.Contains(err.Error(), `fake: the admin endpoint says 502: "12"`) {
			t.Errorf("got %v", err)
		}
	}
}

// When time is out, those that still answer tell how many they know.
func TestWhatIsKnownWhenTimeIsOut(t *testing.T) {
	g := process.NewGroup()
	t.Cleanup(g.Close)
	counts := func(body string) *oneNode {
		n := fakeNode(t, g, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
		n.ready = make(chan struct{})
		close(n.ready)
		return n
	}
	unready := counts("9")
	unready.ready = make(chan struct{})
	r := &run{nodes: []*oneNode{counts("3"), counts("broken"), unready, counts("1"), counts("2")}}
	late := errors.New("too late")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(late)
	if err := r.meet(ctx); !errors.Is(err, late) {
		t.Errorf("got %v", err)
	}
	if r.result.Known == nil || *r.result.Known != (Spread{Min: 1, Median: 2, Max: 3}) {
		t.Errorf("got %+v", r.result.Known)
	}
}
