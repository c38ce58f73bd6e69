package node

import (
	"context"
	"net/http"

	"github.com/project-iris/iris/node/explain"
	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/overlay"
	"github.com/project-iris/iris/transport"
)

// titles returns from where the members of this node have connected.
func (n *Node) titles() explain.Title {
	addresses := make(map[*overlay.Member]string)
	for _, a := range n.relay.Applications() {
		if m, ok := a.Member.(*overlay.Member); ok {
			addresses[m] = a.Addr
		}
	}
	return func(m *overlay.Member) string {
		if addr := addresses[m]; addr != "" {
			return addr
		}
		return "gone"
	}
}

// Explain says who would be asked by a request to a cluster that an application of this node
// makes now, and why. The other nodes are asked who serves it there, and have two seconds.
func (n *Node) Explain(ctx context.Context, cluster string) *status.Explanation {
	return explain.Explain(ctx, n.overlay, n.ID(), n.others(), n.titles(), cluster)
}

// others returns the ids of the other nodes.
func (n *Node) others() []transport.PeerID {
	var others []transport.PeerID
	if n.links != nil {
		for _, other := range n.overlay.Network().Nodes() {
			others = append(others, other.ID)
		}
	}
	return others
}

func (n *Node) sayExplanation(w http.ResponseWriter, r *http.Request) {
	cluster := r.URL.Query().Get("name")
	if cluster == "" {
		http.Error(w, "no name of a cluster: ask /v1/explain?name=NAME", http.StatusBadRequest)
		return
	}
	if stuck := n.pulse.stuck(); stuck != "" { // the rest would wait for it
		http.Error(w, stuck, http.StatusServiceUnavailable)
		return
	}
	sayJSON(w, n.Explain(r.Context(), cluster))
}
