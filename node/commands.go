package node

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/transport"
)

// commands returns what the socket answers: questions, and commands.
func (n *Node) commands() http.Handler {
	mux := n.reads(n.sayNetworkNow)
	mux.HandleFunc("POST /v1/drain", n.drain)
	mux.HandleFunc("POST /v1/trace", n.sayTraces)
	mux.HandleFunc("GET /v1/doctor", n.sayExamined)
	mux.HandleFunc("GET /v1/log-level", n.sayLogLevel)
	mux.HandleFunc("PUT /v1/log-level", n.setLogLevel)
	return mux
}

// DrainAsked is closed when the node was told over its socket to drain. Whoever has started it
// has to call [Node.Shutdown] then.
func (n *Node) DrainAsked() <-chan struct{} { return n.drainAsked }

// drain takes ?node=ID, so that who means another node is not obeyed here. Others are not told: a
// node that can be stopped by each member of the network would be stopped by a stolen key.
func (n *Node) drain(w http.ResponseWriter, r *http.Request) {
	if wanted := r.URL.Query().Get("node"); wanted != "" && !means(wanted, n.ID()) {
		http.Error(w, n.elsewhere(wanted), http.StatusConflict)
		return
	}
	n.config.Logger.Info("told to drain", "by", "control")
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintln(w, "draining")
	n.askDrain()
}

// shortestID is how many digits of an id have to be given at least: as many as tables show.
const shortestID = 8

// means reports whether a text is an id, or enough of its beginning.
func means(text string, id transport.PeerID) bool {
	return len(text) >= shortestID && strings.HasPrefix(id.String(), strings.ToLower(text))
}

// elsewhere says how to stop a node that is not this one.
func (n *Node) elsewhere(wanted string) string {
	const how = "a node is told to drain on its own host alone: run iris drain there"
	if n.links != nil {
		for _, other := range n.overlay.Network().Nodes() {
			if means(wanted, other.ID) {
				return fmt.Sprintf("node %s is at %s, and this is %s; %s", other.ID.Short(), status.Text(other.Addr), n.ID().Short(), how)
			}
		}
	}
	return fmt.Sprintf("this node is %s and not %q, which it does not know; iris members has the ids, and %s", n.ID().Short(), status.Text(wanted), how)
}

func (n *Node) sayLogLevel(w http.ResponseWriter, _ *http.Request) {
	if n.config.LogLevel == nil {
		http.Error(w, "the log level of this node cannot be changed", http.StatusNotFound)
		return
	}
	fmt.Fprintln(w, strings.ToLower(n.config.LogLevel.Level().String()))
}

func (n *Node) setLogLevel(w http.ResponseWriter, r *http.Request) {
	const longest = 16
	text, err := io.ReadAll(io.LimitReader(r.Body, longest))
	var level slog.Level
	if err == nil {
		err = level.UnmarshalText([]byte(strings.TrimSpace(string(text))))
	}
	switch {
	case err != nil:
		http.Error(w, fmt.Sprintf("%q is not debug, info, warn or error", text), http.StatusBadRequest)
	case n.config.LogLevel == nil:
		n.sayLogLevel(w, r)
	default:
		before := n.config.LogLevel.Level()
		n.config.LogLevel.Set(level)
		n.config.Logger.Info("log level is changed", "from", before, "to", level, "by", "control")
		n.sayLogLevel(w, r)
	}
}
