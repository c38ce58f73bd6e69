package node

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/project-iris/iris/transport/strangers"
)

// maxAdminConns is how many connections the admin endpoint has at most. When another one
// comes, one is closed, of those that have asked nothing first.
const maxAdminConns = 64

// turnedAway counts who was not answered by the admin endpoint.
type turnedAway struct {
	evicted   atomic.Uint64 // connections that made room for others
	forbidden atomic.Uint64 // requests that were meant for another host, or sent by the page of one
}

// guardAdmin bounds the connections of the admin endpoint, and warns where other hosts can
// reach it.
func (n *Node) guardAdmin(l net.Listener) net.Listener {
	if at, err := netip.ParseAddrPort(l.Addr().String()); err != nil || !at.Addr().Unmap().IsLoopback() {
		n.config.Logger.Warn("other hosts can reach the admin endpoint, which has no password: "+
			"give -http a port without a host, or have a firewall in front", "http", l.Addr().String())
	}
	return strangers.Guard(l, maxAdminConns, func() { n.turnedAway.evicted.Add(1) })
}

// forThisHost hands requests on that are meant for this host and not sent by the page of
// another one. A browser can be made to connect here by any page: with the name of a server
// that has this host's address, which is in Host then, or from its own, which is in Origin.
func (n *Node) forThisHost(next http.Handler) http.Handler {
	names := append([]string{"localhost"}, n.config.AdminHosts...)
	if host, _, err := net.SplitHostPort(n.config.Admin); err == nil && host != "" {
		names = append(names, host)
	}
	if name, err := os.Hostname(); err == nil {
		names = append(names, name)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Host != "" && !isNameOf(r.Host, names): // HTTP/1.0 may have none, which no browser speaks
			n.turnedAway.forbidden.Add(1)
			http.Error(w, "this host is not known by that name: use its IP address, or have the name allowed with -http-host",
				http.StatusMisdirectedRequest)
		case !sameOrigin(r):
			n.turnedAway.forbidden.Add(1)
			http.Error(w, "this comes from a page of another host", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// isNameOf reports whether HOST or HOST:PORT has one of the names, or is an IP address, which
// cannot be made to mean another host.
func isNameOf(host string, names []string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	return net.ParseIP(name) != nil || slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}

// sameOrigin reports whether no page has sent a request, or one that came from here.
func sameOrigin(r *http.Request) bool {
	origins := r.Header["Origin"]
	if len(origins) == 0 {
		return true
	}
	from, err := url.Parse(origins[0])
	return err == nil && len(origins) == 1 && from.Host != "" && strings.EqualFold(from.Host, r.Host)
}
