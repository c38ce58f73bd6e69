//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/project-iris/iris/cmd/internal/load"
)

// rotated is a node of a network whose key is replaced.
type rotated struct {
	*netNode
	conf string
	base []string
}

// reload rewrites the settings of a node, and has it read them.
func (r *rotated) reload(t *testing.T, lines ...string) {
	t.Helper()
	rewrite(t, r.conf, append(lines, r.base...)...)
	if err := r.command.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	r.err.next(t, "settings are reloaded")
}

// startRotated starts nodes with a file of settings each.
func startRotated(t *testing.T, transport, key string, count int) []*rotated {
	t.Helper()
	var nodes []*rotated
	for range count {
		base := []string{"net = example", "port = 0", "bind = 127.0.0.1:0", "transport = " + transport}
		if len(nodes) > 0 {
			base = append(base, "join = "+nodes[0].addr)
		}
		path := writeConfig(t, append([]string{"rsa = " + key}, base...)...)
		nodes = append(nodes, &rotated{startProcess(t, "-config", path), path, base})
	}
	return nodes
}

// underLoad puts load on nodes while something is done, again and again until that is over, and
// checks that nothing is lost.
func underLoad(t *testing.T, at, serve, rate string, do func()) {
	t.Helper()
	over := make(chan struct{})
	results := make(chan int, 2)
	for _, workload := range []string{"request", "publish"} {
		go func() {
			sent := 0
			defer func() { results <- sent }()
			for last := false; !last; {
				select {
				case <-over:
					last = true // once more, with all that was done
				default:
				}
				got := iris(t, "", "bench", "-at", at, "-serve", serve, "-members", "3",
					"-for", "3s", "-warmup", "0", "-rate", rate, "-json", workload)
				var r load.Result
				if err := json.Unmarshal([]byte(got.out), &r); err != nil || got.code != exitGood || r.Sent == 0 {
					t.Errorf("%s: %v: %+v", workload, err, got)
					return
				}
				sent += int(r.Sent)
			}
		}()
	}
	do()
	close(over)
	for range 2 {
		t.Logf("%d messages were sent", <-results)
	}
}

// meet checks that one node finds a name of another one that nobody has used before.
func meet(t *testing.T, name string, from, to *rotated) {
	t.Helper()
	start(t, nil, "reply", to.flag(), "-text", "pong", name).err.next(t, "serving")
	if got := iris(t, "", "request", from.flag(), name, "?", "-timeout", "10s"); got.out != "pong\n" {
		t.Errorf("%s: %+v", name, got)
	}
}

// The key of five nodes is replaced by reloads, one node after the other, while applications
// use them: nothing is lost, and who holds the old key alone is refused at the end.
func TestTheKeyIsReplacedUnderLoad(t *testing.T) {
	for _, transport := range []string{"quic", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel() // it is mostly waiting
			dir := t.TempDir()
			old, fresh := filepath.Join(dir, "old.pem"), filepath.Join(dir, "new.pem")
			for _, file := range []string{old, fresh} {
				if got := iris(t, "", "keygen", file); got.code != exitGood {
					t.Fatal(got.err)
				}
			}
			nodes := startRotated(t, transport, old, 5)
			args := []string{"-net", "example", "-port", "0", "-bind", "127.0.0.1:0", "-transport", transport, "-join", nodes[0].addr}
			// This one will let the new key in, and never show it.
			standing := startProcess(t, append(args, "-rsa", old, "-accept", fresh)...)
			outside := start(t, nil, "reply", standing.flag(), "-text", "outside", "old")
			outside.err.next(t, "serving")
			if got := iris(t, "", "request", nodes[4].flag(), "old", "?", "-timeout", "20s"); got.out != "outside\n" {
				t.Errorf("before: %+v", got)
			}
			underLoad(t, nodes[0].port+","+nodes[4].port, nodes[1].port+","+nodes[2].port+","+nodes[3].port, "200", func() {
				for i, step := range [][]string{{"rsa = " + old, "accept = " + fresh}, {"rsa = " + fresh, "accept = " + old}, {"rsa = " + fresh}} {
					for j, n := range nodes {
						n.reload(t, step...)
						if j == 2 { // two more are a step behind
							meet(t, fmt.Sprint("ahead ", i), nodes[0], nodes[4])
							meet(t, fmt.Sprint("behind ", i), nodes[4], nodes[0])
						}
					}
				}
			})
			// Who holds the new key is let in, with the names that there are, and who has
			// the old one is not.
			member := start(t, nil, "reply", nodes[1].flag(), "-text", "pong", "ping")
			member.err.next(t, "serving")
			in := startProcess(t, append(args, "-rsa", fresh)...)
			if got := iris(t, "", "request", in.flag(), "ping", "?", "-timeout", "20s"); got.out != "pong\n" {
				t.Errorf("the new key: %+v", got)
			}
			out := startProcess(t, append(args, "-rsa", old)...)
			out.err.next(t, "node that was named is not reached")
			if got := iris(t, "", "request", out.flag(), "ping", "?", "-now"); got.code == exitGood {
				t.Errorf("the old key: %+v", got)
			}
			// Nor is who has had links all the time.
			nodes[4].err.next(t, "node is cut off")
			standing.err.next(t, "the network key is not accepted any more")
			if got := iris(t, "", "request", standing.flag(), "ping", "?", "-now"); got.code == exitGood {
				t.Errorf("the standing node asks: %+v", got)
			}
			if got := iris(t, "", "request", nodes[4].flag(), "old", "?", "-now"); got.code == exitGood {
				t.Errorf("the standing node answers: %+v", got)
			}
		})
	}
}

// A node reloads while it is used at 1,000 requests a second, and loses none.
func TestReloadUnderLoad(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key.pem")
	if got := iris(t, "", "keygen", key); got.code != exitGood {
		t.Fatal(got.err)
	}
	nodes := startRotated(t, "quic,tcp", key, 2)
	underLoad(t, nodes[0].port, nodes[1].port, "1000", func() {
		for i := range 10 {
			for _, n := range nodes {
				n.reload(t, "rsa = "+key, "log-level = "+[]string{"debug", "info"}[i%2], "queue = "+[]string{"4000000", "8000000"}[i%2])
			}
		}
	})
	rewrite(t, nodes[0].conf, "frob = 1")
	_ = nodes[0].command.Process.Signal(syscall.SIGHUP)
	nodes[0].err.next(t, "nothing has changed")
	_ = nodes[0].command.Process.Signal(syscall.SIGTERM)
	if <-nodes[0].over; nodes[0].command.ProcessState.ExitCode() != exitGood {
		t.Error("the node did not end well")
	}
}
