package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// What waits for a command is bounded in bytes: requests beyond are refused at once.
func TestReplyBoundsWhatWaits(t *testing.T) {
	_, port := startNode(t)
	gate := filepath.Join(t.TempDir(), "gate")
	member := start(t, nil, "reply", port, "-parallel", "1", "slow", "sh", "-c",
		`echo begun >>`+gate+`.log; while [ ! -e `+gate+` ]; do sleep 0.02; done; wc -c`)
	member.err.next(t, "serving")
	const bodies, size = 12, 4 << 20
	body := strings.Repeat("x", size)
	results := make(chan result, bodies)
	for range bodies {
		go func() { results <- iris(t, body, "request", port, "-timeout", "1m", "slow") }()
	}
	// 16 MiB wait, and one request, or two, are out of the queue: the others come back.
	for range bodies - 16<<20/size - 2 {
		if got := <-results; got.code != exitFailed || !strings.Contains(got.err, "overloaded") {
			t.Errorf("a request too many: %+v", got)
		}
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	served := 0
	for range 16<<20/size + 2 {
		if got := <-results; got.code == exitGood && strings.TrimSpace(got.out) == strconv.Itoa(size) {
			served++
		}
	}
	if served < 16<<20/size {
		t.Errorf("%d of those that waited were served", served)
	}
}

func TestWhatACommandPrintsIsBounded(t *testing.T) {
	full := errors.New("full")
	kept, dropped := bounded{most: 5, full: full}, bounded{most: 5}
	for _, row := range []struct {
		w    *bounded
		text string
		n    int
		err  error
		want string
	}{
		{&kept, "abc", 3, nil, "abc"},
		{&kept, "de", 2, nil, "abcde"},
		{&kept, "f", 0, full, "abcde"},
		{&dropped, "abcdefg", 7, nil, "abcde"},
		{&dropped, "h", 1, nil, "abcde"},
	} {
		if n, err := row.w.Write([]byte(row.text)); n != row.n || !errors.Is(err, row.err) || row.w.text.String() != row.want {
			t.Errorf("%q: %d, %v, kept %q", row.text, n, err, row.w.text.String())
		}
	}
}
