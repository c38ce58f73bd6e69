package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestProgressLines(t *testing.T) {
	for _, row := range []struct {
		sent, received, total int64
		took                  time.Duration
		want                  string
	}{
		{0, 0, 0, 0, "sent 0 B, 0 B/s"},
		{999, 0, 0, time.Second, "sent 999 B, 999 B/s"},
		{1_500_000, 0, 3_000_000, time.Second, "sent 1.5 MB of 3.0 MB (50 %), 1.5 MB/s"},
		{0, 2_000, 0, 2 * time.Second, "sent 0 B, received 2.0 kB, 1.0 kB/s"},
		{5_000_000_000, 0, 0, 10 * time.Second, "sent 5.0 GB, 500.0 MB/s"},
		{1 << 62, 0, 0, time.Second, "sent 4.6 EB, 4.6 EB/s"},
	} {
		s := &progress{total: row.total}
		s.sent.Store(row.sent)
		s.received.Store(row.received)
		if got := s.line(row.took); got != row.want {
			t.Errorf("line = %q, want %q", got, row.want)
		}
	}
}

// The README's tunnel with somebody who watches: the size of the file is known to the
// sender, and the last line says that all has gone.
func TestATunnelShowsProgress(t *testing.T) {
	_, port := startNode(t)
	listener := start(t, strings.NewReader(""), "tunnel", "-listen", port, "files")
	listener.err.next(t, "waiting")
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, make([]byte, 3_000_000), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var out, shown bytes.Buffer
	p := &program{in: file, out: &out, err: &shown, signals: make(chan os.Signal), progress: true}
	if code := p.run(t.Context(), []string{"tunnel", port, "files"}); code != exitGood {
		t.Fatalf("the tunnel ended with %d: %s", code, shown.String())
	}
	lines := strings.Split(strings.TrimSuffix(shown.String(), "\x1b[K\n"), "\r")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "sent 3.0 MB of 3.0 MB (100 %), ") {
		t.Errorf("the last line is %q", last)
	}
	if code := listener.wait(); code != exitGood {
		t.Errorf("the listener ended with %d", code)
	}
}
