package node

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
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

func (n *Node) drain(w http.ResponseWriter, _ *http.Request) {
	n.config.Logger.Info("told to drain", "by", "control")
	w.WriteHeader(http.StatusAccepted)
	fmt.Fprintln(w, "draining")
	n.askDrain()
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
