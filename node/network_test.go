package node

import (
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
	"github.com/project-iris/iris/transport/mem"
)

// One node shows all, those included that have neither a socket nor an address for HTTP, and
// Prometheus gets what the tree has.
func TestOneNodeShowsAll(t *testing.T) {
	network := mem.NewNetwork(mem.Config{Versions: overlay.Versions()})
	key := identity.Generate()
	begin := func(bind string) *Node {
		n, err := Start(Config{
			Network: "whole", Key: key, Port: AnyPort, Bind: bind,
			Transports: []NewTransport{func(id *identity.Identity, _ transport.Versions, _ *slog.Logger) (transport.Transport, error) {
				return network.Node(id.ID()), nil
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(n.Close)
		return n
	}
	here, there := begin("a:1"), begin("b:1")
	if _, err := here.overlay.Network().Reach(t.Context(), there.PeerAddr(), transport.PeerID{}, "test"); err != nil {
		t.Fatal(err)
	}
	var all *status.Network
	for limit := time.Now().Add(30 * time.Second); ; { // each try takes as long as the other node does
		if all = here.WholeNetwork(t.Context()); len(all.Nodes) == 2 || time.Now().After(limit) {
			break
		}
		<-here.overlay.Network().Changed()
	}
	if len(all.Nodes) != 2 || all.Asked != here.ID() || all.Nodes[0].ID != here.ID() || all.Nodes[1].ID != there.ID() ||
		len(all.Unanswered) != 0 || all.Nodes[1].Port != there.Port() || len(all.Nodes[1].Links) != 1 {
		t.Errorf("the network is %+v", all)
	}
	for range 100 {
		if _, err := here.overlay.Ask(t.Context(), there.ID(), "what else?", 1); err == nil {
			t.Fatal("a question that is not known was answered")
		}
	}
	if got := there.Status().Reasons[status.StatusRefused]; got != 100 {
		t.Errorf("%d questions were refused, of 100", got)
	}
	w := httptest.NewRecorder()
	there.reads(there.sayNetwork).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	text, _ := io.ReadAll(w.Body)
	for _, want := range []string{"\niris_members 1\n", "\niris_links 1\n", "\niris_dropped_total{reason=\"status_refused\"} 100\n", "\niris_build_info{"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("/metrics lacks %q", want)
		}
	}
}
