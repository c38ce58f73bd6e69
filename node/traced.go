package node

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/node/trace"
)

// Traced says which requests are traced: see [Node.Trace].
type Traced = trace.Wanted

// Trace follows the next requests to a cluster, until there are enough or the time is over: at
// this node and all others, who have two seconds each time that they are asked. It fails for what
// cannot be traced, if this node has too many traces under way, and with the context.
func (n *Node) Trace(ctx context.Context, wanted Traced) (*status.Traces, error) {
	return trace.Trace(ctx, n.overlay, n.ID(), n.others(), wanted)
}

// sayTraces traces, and says what came of it in the end.
func (n *Node) sayTraces(w http.ResponseWriter, r *http.Request) {
	wanted, bad := parseTraced(r)
	if bad != "" {
		http.Error(w, bad, http.StatusBadRequest)
		return
	}
	if stuck := n.pulse.stuck(); stuck != "" { // the rest would wait for it
		http.Error(w, stuck, http.StatusServiceUnavailable)
		return
	}
	// Longer than other answers take: the context ends with who asks.
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Time{})
	_ = c.SetWriteDeadline(time.Now().Add(wanted.Time + 2*adminTimeout))
	n.config.Logger.Info("requests are traced", "cluster", status.Text(wanted.Cluster), "count", wanted.Count, "for", wanted.Time, "by", "control")
	traces, err := n.Trace(r.Context(), wanted)
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	sayJSON(w, traces)
}

// parseTraced reads what is to be traced, and says what is wrong with it.
func parseTraced(r *http.Request) (wanted Traced, bad string) {
	q := r.URL.Query()
	wanted = Traced{Cluster: q.Get("name"), Count: trace.DefaultCount, Every: 1, Time: trace.DefaultTime}
	if wanted.Cluster == "" {
		return wanted, "no name of a cluster: ask /v1/trace?name=NAME"
	}
	for name, into := range map[string]*int{"count": &wanted.Count, "every": &wanted.Every} {
		if text := q.Get(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil {
				return wanted, name + " is no number"
			}
			*into = n
		}
	}
	if text := q.Get("for"); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			return wanted, "for is no duration such as 10s"
		}
		wanted.Time = d
	}
	if err := wanted.Check(); err != nil {
		return wanted, err.Error()
	}
	return wanted, ""
}
