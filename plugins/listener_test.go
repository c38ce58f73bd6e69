package plugins

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A plugin that does not listen is asked once a second, and named in the log once a minute.
func TestAPluginThatDoesNotListenIsLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var book bytes.Buffer
		l := &listener{supervisor: &supervisor{logger: slog.New(slog.NewTextHandler(&book, nil))}}
		for range 90 {
			l.warn(errors.New("no such port"), errors.New("it has ended"))
			time.Sleep(listenPause)
		}
		lines := strings.Split(strings.TrimSpace(book.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], "unlogged=0") || !strings.Contains(lines[1], "unlogged=59") {
			t.Errorf("%d lines of 90 failures: %q", len(lines), lines)
		}
	})
}
