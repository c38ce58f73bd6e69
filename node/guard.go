package node

import (
	"net/http"
	"slices"
)

// onlyQuestions lets those requests through that change nothing, and that no page in a browser
// makes which comes from elsewhere: a browser says so by Sec-Fetch-Site, also where it sends no
// Origin.
func onlyQuestions(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		site := r.Header.Values("Sec-Fetch-Site")
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			http.Error(w, "this address only answers questions: what changes something goes by the socket", http.StatusMethodNotAllowed)
		case slices.ContainsFunc(site, func(s string) bool { return s != "none" && s != "same-origin" }):
			http.Error(w, "this comes from a page of another origin", http.StatusForbidden)
		default:
			w.Header().Set("X-Content-Type-Options", "nosniff")
			next.ServeHTTP(w, r)
		}
	})
}
