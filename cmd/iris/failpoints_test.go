//go:build failpoints

package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/project-iris/iris/transport/failpoint"
)

// A line of the audit that cannot be written is in the log, and later ones are in the file.
func TestAnAuditThatCannotBeWritten(t *testing.T) {
	var log bytes.Buffer
	file := filepath.Join(t.TempDir(), "audit")
	f := accessFlags{audit: file}
	audit, err := f.openAudit(slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer audit.close()
	clear := failpoint.Set("write audit", func() error { return syscall.ENOSPC })
	lines := slog.New(slog.NewTextHandler(audit, nil))
	lines.Warn("forbidden", "app", "one")
	clear()
	lines.Warn("forbidden", "app", "two")
	said, written := log.String(), new(strings.Builder)
	text, err := os.ReadFile(file)
	written.Write(text)
	if err != nil || strings.Contains(written.String(), "app=one") || !strings.Contains(written.String(), "app=two") {
		t.Errorf("the audit has %s, %v", written, err)
	}
	if strings.Count(said, "\n") != 1 || !strings.Contains(said, "app=one") || !strings.Contains(said, syscall.ENOSPC.Error()) || !strings.Contains(said, file) {
		t.Errorf("the log has %s", said)
	}
}
