// Package page is the page that shows a network to people: one file of HTML with its style and
// its script inside, which asks the node that has served it for /v1/network every two seconds,
// and nobody else for anything.
//
// What it shows is chosen by strangers in part: names, faults, what other nodes say. So it has
// no way to make HTML of text, and a policy (CSP, Trusted Types) by which the browser would not
// let it: nothing runs but the script whose hash the policy has.
package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // for page.html
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"time"
)

//go:embed page.html
var content []byte

// Handler returns what answers requests for the page: GET and HEAD.
func Handler() http.Handler {
	policy := policyOf(content)
	sum := sha256.Sum256(content)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "the page can only be read", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-cache") // it belongs to the version of the node; the tag spares its bytes
		h.Set("ETag", tag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	})
}

// policyOf returns the Content-Security-Policy of the page: its own style and script, questions
// to where it comes from, and nothing else. What is in neither element does not count.
func policyOf(page []byte) string {
	return "default-src 'none'; connect-src 'self'; img-src data:" +
		"; style-src " + hashOf(page, "<style>", "</style>") +
		"; script-src " + hashOf(page, "<script>", "</script>") +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" +
		"; require-trusted-types-for 'script'; trusted-types 'none'"
}

// hashOf returns the hash of what is in the only element of its kind, as policies write it.
func hashOf(page []byte, open, end string) string {
	_, rest, _ := bytes.Cut(page, []byte(open))
	inside, _, _ := bytes.Cut(rest, []byte(end))
	sum := sha256.Sum256(inside)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
