package gateway

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"slices"
	"strings"
)

// guard looks whether a caller may use the gateway. The package comment says why.
func (g *Gateway) guard(r *http.Request) *refusal {
	if !g.ours(r.Host) {
		return refuse(ReasonHost, "%q is no name of this host: use 127.0.0.1 or localhost, or have the name allowed with -host", r.Host)
	}
	if fromPage(r.Header) {
		return refuse(ReasonBrowser, "this comes from a page in a browser, which may not use the network")
	}
	if !g.knows(r.Header.Get("Authorization")) {
		return refuse(ReasonToken, "the token is missing or wrong: send the header \"Authorization: Bearer TOKEN\", with what is in the file of -token-file")
	}
	return nil
}

// ours reports whether a Host is a name of this host. An IP address cannot be made to mean
// another host by whoever serves its name.
func (g *Gateway) ours(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	}
	same := func(other string) bool { return strings.EqualFold(name, other) }
	return net.ParseIP(name) != nil || same("localhost") || slices.ContainsFunc(g.config.Hosts, same)
}

// fromPage reports whether a browser sends this for a page. Origin comes with whatever a page
// of another origin can read or change; Sec-Fetch-Site with all that a browser sends, and is
// "none" where its user has typed the address.
func fromPage(h http.Header) bool {
	if _, has := h["Origin"]; has {
		return true
	}
	site, has := h["Sec-Fetch-Site"]
	return has && !slices.Equal(site, []string{"none"})
}

// knows reports whether an Authorization has the token. Sums are compared, as the length of
// the token would show otherwise.
func (g *Gateway) knows(authorization string) bool {
	if g.config.Token == "" {
		return true
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	got, want := sha256.Sum256([]byte(strings.TrimSpace(token))), sha256.Sum256([]byte(g.config.Token))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(got[:], want[:]) == 1
}
