package refusal_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport/refusal"
)

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
