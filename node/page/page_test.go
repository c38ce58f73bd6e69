package page

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func get(t *testing.T, method string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, "/", nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w.Result()
}

// The page comes with a policy that lets nothing run and nothing load but what is in it.
func TestThePageIsServed(t *testing.T) {
	answer := get(t, http.MethodGet)
	if answer.StatusCode != http.StatusOK || answer.ContentLength != int64(len(content)) {
		t.Errorf("%s, %d bytes of %d", answer.Status, answer.ContentLength, len(content))
	}
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-cache",
	} {
		if got := answer.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	hash := func(tag string) string {
		found := regexp.MustCompile(`(?s)<`+tag+`\b[^>]*>(.*?)</`+tag+`>`).FindAllSubmatch(content, -1)
		if len(found) != 1 {
			t.Fatalf("%d elements %s, want one", len(found), tag)
		}
		sum := sha256.Sum256(found[0][1])
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	got := strings.Split(answer.Header.Get("Content-Security-Policy"), "; ")
	want := []string{
		"default-src 'none'", "connect-src 'self'", "img-src data:", "style-src " + hash("style"), "script-src " + hash("script"),
		"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the policy is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if again := get(t, http.MethodGet, "If-None-Match", answer.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("the same page again: %s", again.Status)
	}
}

func TestThePageCanOnlyBeRead(t *testing.T) {
	for method, want := range map[string]int{
		http.MethodHead: http.StatusOK, http.MethodPost: http.StatusMethodNotAllowed, http.MethodPut: http.StatusMethodNotAllowed,
		http.MethodDelete: http.StatusMethodNotAllowed, http.MethodOptions: http.StatusMethodNotAllowed,
	} {
		if answer := get(t, method); answer.StatusCode != want {
			t.Errorf("%s: %s, want %d", method, answer.Status, want)
		}
	}
}

// Nothing is fetched from elsewhere, and there is no way to make HTML of text.
func TestThePageIsWhole(t *testing.T) {
	for _, never := range []string{
		`\bon[a-z]+\s*=\s*["']`, `\bstyle\s*=\s*["']`, `innerHTML`, `outerHTML`, `insertAdjacentHTML`, `document\.write`, `\beval\b`,
		`new Function`, `srcdoc`, `@import`, `url\(`, `\bsrc\s*=`, `<(iframe|object|embed|form)\b`,
	} {
		if found := regexp.MustCompile(never).Find(content); found != nil {
			t.Errorf("the page has %q", found)
		}
	}
	for _, link := range regexp.MustCompile(`(https?:)?//[a-z][a-zA-Z0-9./]+`).FindAll(content, -1) {
		if string(link) != "http://www.w3.org/2000/svg" { // a name, which nobody fetches
			t.Errorf("the page names %s", link)
		}
	}
}
