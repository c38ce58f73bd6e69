package network

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/project-iris/iris/transport"
)

// A member that tells something else about itself each second, and nothing that can be read, is
// named in the log once a minute.
func TestAMemberThatCannotBeReadIsLoggedOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		n := &Network{log: slog.New(slog.NewTextHandler(&log, nil))}
		for range 90 {
			hearer{n}.NodeUp(transport.PeerID{1}, []byte{0xff})
			time.Sleep(time.Second)
		}
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 2 || !strings.Contains(lines[0], "unlogged=0") || !strings.Contains(lines[1], "unlogged=59") {
			t.Errorf("%d lines:\n%s", len(lines), &log)
		}
	})
}
