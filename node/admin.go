package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/project-iris/iris/node/page"
	"github.com/project-iris/iris/node/status"
	"github.com/project-iris/iris/transport"
)

// What an admin request may take. Nothing that is asked for takes long.
const (
	adminTimeout = 10 * time.Second
	adminHeaders = 16 << 10 // bytes
)

// Members is what the admin endpoint says at /members.
type Members struct {
	Network string   `json:"network"`
	Self    Member   `json:"self"`
	Members []Member `json:"members"` // the other nodes, in the order of their ids
}

// Member is a node of the network, as another one sees it.
type Member struct {
	ID        transport.PeerID `json:"id"`
	Addresses []string         `json:"addresses"` // where it accepts links
	// Found is how it was found: join, beacon, scan, dns:NAME, exec:COMMAND, remembered,
	// or members if another node told of it, or itself if it has dialled this node.
	Found string `json:"found,omitempty"`
	// Transport, Link and Version are of the link to it, which there may not be at the
	// moment: its transport, where it leads, and the version of the protocol on it.
	Transport string `json:"transport,omitempty"`
	Link      string `json:"link,omitempty"`
	Version   uint16 `json:"version,omitempty"`
}

// admin answers those who look after the node: over a socket, by which the node can be told
// what to do, or over HTTP, by which it can only be asked.
type admin struct {
	listener net.Listener
	server   *http.Server
	done     chan struct{} // closed when it serves no more
}

// listenAdmin opens the admin endpoint over HTTP. Without a host it is on 127.0.0.1.
func listenAdmin(addr string) (net.Listener, error) {
	if strings.HasPrefix(addr, ":") {
		addr = "127.0.0.1" + addr
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen for admin requests (%w): choose another address with -http", err)
	}
	return l, nil
}

// reads returns what answers questions, which say how all nodes are by a handler of its own: as
// many as like may ask at -http.
func (n *Node) reads(network http.HandlerFunc) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", page.Handler())
	mux.HandleFunc("GET /healthz", n.sayWhetherAlive)
	mux.HandleFunc("GET /readyz", n.sayWhetherReady)
	mux.HandleFunc("GET /members", func(w http.ResponseWriter, _ *http.Request) { sayJSON(w, n.Members()) })
	mux.HandleFunc("GET /members/count", n.sayOthers)
	mux.HandleFunc("GET /members/{id}", n.sayWhetherMember)
	mux.HandleFunc("GET /v1/status", n.sayStatus)
	mux.HandleFunc("GET /v1/network", network)
	mux.HandleFunc("GET /v1/reasons", func(w http.ResponseWriter, _ *http.Request) { sayJSON(w, status.Reasons) })
	mux.HandleFunc("GET /v1/explain", n.sayExplanation)
	mux.Handle("GET /metrics", n.metrics())
	return mux
}

// serveAdmin answers admin requests until the endpoint is closed.
func (n *Node) serveAdmin(l net.Listener, handler http.Handler) *admin {
	a := &admin{listener: l, done: make(chan struct{}), server: &http.Server{
		Handler: handler, ReadTimeout: adminTimeout, WriteTimeout: adminTimeout, MaxHeaderBytes: adminHeaders,
		ErrorLog: newAdminLog(n.config.Logger),
	}}
	go func() {
		defer close(a.done)
		if err := a.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			n.config.Logger.Error("admin requests cannot be answered any more", "err", err)
		}
	}()
	return a
}

// close ends the endpoint, after the requests that are being answered if the context
// allows.
func (a *admin) close(ctx context.Context) {
	if a.server.Shutdown(ctx) != nil {
		a.server.Close()
	}
	<-a.done
}

// sayWhetherAlive says whether all parts of the node answer, and applications can attach.
func (n *Node) sayWhetherAlive(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), pulseTimeout)
	defer cancel()
	if err := n.Alive(ctx); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// sayWhetherReady says whether the node does what it is there for: not while it is
// stopped, nor while a transport of it does not listen.
func (n *Node) sayWhetherReady(w http.ResponseWriter, _ *http.Request) {
	if n.draining.Load() {
		http.Error(w, "draining", http.StatusServiceUnavailable)
		return
	}
	if deaf := n.links.deaf(); deaf != "" {
		http.Error(w, deaf, http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

// sayOthers says how many other nodes the network has.
func (n *Node) sayOthers(w http.ResponseWriter, _ *http.Request) {
	others := 0
	if n.links != nil {
		others = n.overlay.Network().Others()
	}
	fmt.Fprintln(w, others)
}

// sayWhetherMember says whether a node is another one of the network. As with the count, it
// takes no list, so that to ask a large network often costs it little.
func (n *Node) sayWhetherMember(w http.ResponseWriter, r *http.Request) {
	id, err := transport.ParsePeerID(r.PathValue("id"))
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	case n.links != nil && n.overlay.Network().Knows(id):
		fmt.Fprintln(w, "member")
	default:
		http.Error(w, "no member", http.StatusNotFound)
	}
}

func sayJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(v) // fails with the connection
}

// Members returns the nodes of the network, as this one sees them now.
func (n *Node) Members() Members {
	m := Members{Network: n.Network(), Self: Member{ID: n.ID()}, Members: []Member{}}
	if n.links == nil {
		return m
	}
	m.Self.Addresses = strings.Split(n.links.addresses(), ",")
	for _, node := range n.overlay.Network().Nodes() {
		m.Members = append(m.Members, Member{
			ID: node.ID, Addresses: strings.Split(node.Addr, ","), Found: node.Found,
			Transport: node.Scheme, Link: node.Link, Version: node.Version,
		})
	}
	return m
}

// AdminAddr returns where the admin endpoint is, empty if there is none.
func (n *Node) AdminAddr() string {
	if n.admin == nil {
		return ""
	}
	return n.admin.listener.Addr().String()
}
