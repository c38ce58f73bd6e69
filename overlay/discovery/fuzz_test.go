package discovery

import (
	"log/slog"
	"strings"
	"testing"
	"time"
)

// Whatever is in the file, or comes from a command, what is taken for an address is one of its words, and
// is bounded.
func FuzzRemembered(f *testing.F) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := now.Add(-time.Hour).Format(time.RFC3339)
	for _, text := range []string{
		"", peersHead + at + " a:1\n" + at + " b:1\n", at + " a:1", "\x00\x01\x02\n" + at + " a:1\nx\n" + at + "\n" + at + " a b\n",
		at + " a\x7fb:1\n", "9999-01-01T00:00:00Z a:1\n0000-01-01T00:00:00Z b:1\n", "10.0.0.1 [::1]:5, host\tquic://x:1,,\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := &Remembered{log: slog.New(slog.DiscardHandler), nodes: make(map[string]time.Time)}
		r.parse(strings.NewReader(text), now)
		for addr, last := range r.nodes {
			if !isAddress(addr) || !strings.Contains(text, addr) || last.After(now) || now.Sub(last) >= rememberFor {
				t.Errorf("%q is remembered, of %v", addr, last)
			}
		}
		for _, addr := range addresses(text) {
			if addr == "" || len(addr) > maxAddress+len("[]:65535") || strings.ContainsAny(addr, ", \n") {
				t.Errorf("the command names %q", addr)
			}
		}
	})
}
