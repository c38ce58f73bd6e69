package node

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
)

// guard lets those requests through that only ask, and that no page in a browser makes which
// comes from elsewhere.
func (n *Node) guard(next http.Handler) http.Handler {
	configured, _, _ := net.SplitHostPort(n.config.Admin)
	names := append([]string{"localhost", configured}, n.config.AdminHosts...)
	if own, err := os.Hostname(); err == nil {
		names = append(names, own)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			http.Error(w, "this address only answers questions: what changes something goes by the socket", http.StatusMethodNotAllowed)
		case !isOwn(r.Host, names):
			http.Error(w, fmt.Sprintf("%q is no name of this host: use its number or localhost, or have the name allowed with -http-host", r.Host), http.StatusForbidden)
		case fromElsewhere(r):
			http.Error(w, "this comes from a page of another origin", http.StatusForbidden)
		default:
			w.Header().Set("X-Content-Type-Options", "nosniff")
			next.ServeHTTP(w, r)
		}
	})
}

// isOwn reports whether a Host is a name of this host. An IP address cannot be made to mean
// another host by whoever serves its name, as a page does by DNS rebinding.
func isOwn(host string, names []string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	return net.ParseIP(name) != nil ||
		name != "" && slices.ContainsFunc(names, func(other string) bool { return strings.EqualFold(name, other) })
}

// fromElsewhere reports whether a browser sends this for a page of another origin. Origin comes
// with whatever such a page can read; Sec-Fetch-Site with all that a browser sends.
func fromElsewhere(r *http.Request) bool {
	for _, origin := range r.Header.Values("Origin") {
		if at, err := url.Parse(origin); err != nil || !strings.EqualFold(at.Host, r.Host) {
			return true
		}
	}
	site := r.Header.Values("Sec-Fetch-Site")
	return slices.ContainsFunc(site, func(s string) bool { return s != "none" && s != "same-origin" })
}
