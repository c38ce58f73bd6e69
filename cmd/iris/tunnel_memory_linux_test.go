package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/project-iris/iris/relay/client"
)

// tunnelBytes is how much goes through a tunnel; make tunnels sends more.
var tunnelBytes = flag.Int64("tunnel-bytes", 64<<20, "bytes that TestATunnelKeepsNodesSmall sends")

// What a sender may be ahead of a receiver that has stopped, and what the nodes may grow
// by, in bytes. The first counts 4 MiB at each place where the documents allow as much,
// and the buffers of three connections of the kernel.
const (
	maxAhead  = 48 << 20
	maxGrowth = 64 << 20
)

// However much goes through a tunnel, and however long its receiver pauses, it arrives
// whole, the sender waits, and the nodes stay small.
func TestATunnelKeepsNodesSmall(t *testing.T) {
	for _, transport := range []string{"quic", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			nodes := startNetwork(t, transport, 2)
			r := &pausingReader{total: *tunnelBytes, sum: sha256.New(), result: make(chan error, 1)}
			member, err := client.Register(t.Context(), "files", client.Service{Tunnel: r.read}, nodes[1].config())
			if err != nil {
				t.Fatal(err)
			}
			defer member.Close()
			conn, err := client.Connect(t.Context(), nodes[0].config())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			before := [2]int64{nodes[0].memory(t, "VmRSS"), nodes[1].memory(t, "VmRSS")}
			sum := sendRandom(t, conn, r)
			if err := <-r.result; err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(sum, r.sum.Sum(nil)) {
				t.Error("what arrived is not what was sent")
			}
			if r.ahead > maxAhead {
				t.Errorf("the sender was %d bytes ahead of a receiver that had stopped, at most %d are allowed", r.ahead, maxAhead)
			}
			for i, n := range nodes {
				grown := n.memory(t, "VmHWM") - before[i]
				t.Logf("node %d has grown by %d KiB at most; the sender was at most %d KiB ahead", i, grown>>10, r.ahead>>10)
				if grown > maxGrowth && !raceEnabled {
					t.Errorf("node %d has grown by %d bytes, at most %d are allowed", i, grown, maxGrowth)
				}
			}
		})
	}
}

// sendRandom sends random bytes through a tunnel, closes it, and returns their sum.
func sendRandom(t *testing.T, conn *client.Conn, r *pausingReader) []byte {
	t.Helper()
	tunnel, err := conn.Tunnel(t.Context(), "files")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	source := io.TeeReader(io.LimitReader(rand.NewChaCha8([32]byte{}), r.total), sum)
	if _, err := io.Copy(io.MultiWriter(tunnel, counter{&r.sent}), source); err != nil {
		t.Fatal(err)
	}
	if err := tunnel.Close(); err != nil {
		t.Fatal(err)
	}
	return sum.Sum(nil)
}

// pausingReader reads a tunnel to its end, and pauses twice until its sender waits.
type pausingReader struct {
	total  int64 // bytes to come
	sent   atomic.Int64
	sum    hash.Hash
	ahead  int64      // most that was sent and not read when the sender waited
	result chan error // holds one; guards sum and ahead
}

func (r *pausingReader) read(t *client.Tunnel) {
	r.result <- r.readAll(t)
}

func (r *pausingReader) readAll(t *client.Tunnel) error {
	var got int64
	for _, until := range []int64{r.total / 8, r.total / 4, r.total} {
		n, err := io.CopyN(r.sum, t, until-got)
		got += n
		if err != nil {
			return fmt.Errorf("after %d bytes: %w", got, err)
		}
		if got < r.total {
			r.awaitSender()
			r.ahead = max(r.ahead, r.sent.Load()-got)
		}
	}
	if n, err := io.Copy(io.Discard, t); n > 0 || err != nil {
		return fmt.Errorf("after the end: %d bytes, %w", n, err)
	}
	return nil
}

// awaitSender returns when the sender has sent nothing for half a second.
func (r *pausingReader) awaitSender() {
	for last := int64(-1); last != r.sent.Load(); <-time.After(500 * time.Millisecond) {
		last = r.sent.Load()
	}
}

// memory returns a figure of /proc/PID/status of a node, in bytes.
func (n *netNode) memory(tb testing.TB, name string) int64 {
	tb.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.command.Process.Pid))
	if err != nil {
		tb.Fatal(err)
	}
	found := regexp.MustCompile(name + `:\s+(\d+) kB`).FindSubmatch(status)
	if found == nil {
		tb.Fatalf("no %s in %s", name, status)
	}
	kb, err := strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		tb.Fatal(err)
	}
	return kb << 10
}

// BenchmarkIdleTunnel is what a tunnel costs a node that does nothing, in resident memory
// of its process.
func BenchmarkIdleTunnel(b *testing.B) {
	const tunnels = 900 // a link takes 1,024 streams of each side at the least
	for _, transport := range []string{"quic", "tcp"} {
		b.Run(transport, func(b *testing.B) {
			nodes := startNetwork(b, transport, 2)
			over := make(chan struct{})
			config := nodes[1].config()
			config.Tunnels = 1 << 20
			member, err := client.Register(context.Background(), "idle", client.Service{Tunnel: func(*client.Tunnel) { <-over }}, config)
			if err != nil {
				b.Fatal(err)
			}
			conn, err := client.Connect(context.Background(), nodes[0].config())
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() {
				close(over)
				_ = conn.Close()
				_ = member.Close()
			})
			open := func(n int) {
				for range n {
					if _, err := conn.Tunnel(context.Background(), "idle"); err != nil {
						b.Fatal(err)
					}
				}
			}
			open(10) // what the first ones need is not their cost
			for b.Loop() {
				before := [2]int64{nodes[0].memory(b, "VmRSS"), nodes[1].memory(b, "VmRSS")}
				open(tunnels)
				for i, side := range []string{"opener", "acceptor"} {
					cost := float64(nodes[i].memory(b, "VmRSS")-before[i]) / tunnels
					b.ReportMetric(cost, "B/tunnel-"+side)
				}
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
