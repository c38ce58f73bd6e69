//go:build unix

package main

import (
	"syscall"
	"testing"
	"time"
)

// A node that stops for ten seconds and goes on, as one that swaps does: the others go
// on without it. What it has is lost or times out, and it is used again when it is back,
// by itself.
func TestANodeThatStopsForTenSeconds(t *testing.T) {
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	const pause = 10 * time.Second
	for _, transport := range []string{"quic", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			nodes := startNetwork(t, transport, 3)
			alive, victim := startWorker(t, nodes[1]), startWorker(t, nodes[2])
			load := startTraffic(t, 3*time.Second, callers, nodes[:2]...)
			alive.await(100)
			victim.await(100)
			if err := nodes[2].command.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			stopped := time.Now()
			for time.Since(stopped) < pause {
				alive.await(100)
			}
			if err := nodes[2].command.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			back := time.Now()
			victim.await(100)
			t.Logf("used again %v after it went on", time.Since(back))
			load.expectLoss(8*callers, 4*time.Second)
		})
	}
}
