package refusal_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/refusal"
)

// Strangers, who are many at times, leave room for a line about a node that is too old.
func TestVersionsHaveALineOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := refusal.NewLog(slog.New(slog.NewTextHandler(&out, nil)), "quic")
		for range 60 {
			log.Note("192.0.2.1:1", errors.New("not one of us"))
			log.Note("192.0.2.2:1", &transport.VersionError{})
			time.Sleep(time.Second)
		}
		if n := strings.Count(out.String(), "\n"); n != 2 || !strings.Contains(out.String(), "upgrade") || log.Total() != 120 {
			t.Errorf("%d refusals:\n%s", log.Total(), out.String())
		}
	})
}

// A peer that does not need a link any more is no refusal.
func TestWhoGivesUpIsNotRefused(t *testing.T) {
	var text bytes.Buffer
	l := refusal.NewLog(slog.New(slog.NewTextHandler(&text, nil)), "test")
	l.Note("there", fmt.Errorf("hello: %w", transport.ErrGaveUp))
	if l.Total() != 0 || text.Len() > 0 {
		t.Errorf("%d are counted; said %s", l.Total(), text.String())
	}
	l.Note("there", &transport.ClosedError{Code: transport.CodeRefused})
	if l.Total() != 1 || text.Len() == 0 {
		t.Errorf("%d are counted; said %s", l.Total(), text.String())
	}
}

func TestALineAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := refusal.NewLog(slog.New(slog.NewTextHandler(&out, nil)), "quic")
		for range 90 { // one a second
			log.Note("192.0.2.1:1", errors.New("not one of us"))
			time.Sleep(time.Second)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 2 || log.Total() != 90 {
			t.Fatalf("%d lines for %d refusals in 90 s:\n%s", len(lines), log.Total(), out.String())
		}
		if !strings.Contains(lines[0], "unlogged=0") || !strings.Contains(lines[1], "unlogged=59") {
			t.Errorf("the counts are wrong:\n%s", out.String())
		}
	})
}
