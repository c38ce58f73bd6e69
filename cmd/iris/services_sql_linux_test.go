package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// postgres is a server of PostgreSQL with a database that pgbench has filled.
type postgres struct {
	*daemon
	port string
}

func startPostgres(t testing.TB) postgres {
	t.Helper()
	dir, err := os.MkdirTemp("", "iris-postgres")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	data := dir + "/data"
	tool(t, as(t, "postgres", exec.Command(find(t, "initdb"), "-D", data, "-U", "postgres", "-A", "trust", "--no-sync")))
	port := freePort(t)
	d := startDaemon(t, port, as(t, "postgres", exec.Command(find(t, "postgres"), "-D", data, "-p", port,
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=200")))
	p := postgres{d, port}
	p.await(t)
	tool(t, pgbench(t, port, "-i", "-q", "-s", "20"))
	return p
}

// await waits until the server takes a query.
func (p postgres) await(t testing.TB) {
	t.Helper()
	for ctx := within(t, time.Minute); ; {
		if err := exec.CommandContext(ctx, find(t, "psql"), psqlArgs(p.port, "SELECT 1")...).Run(); err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatal("PostgreSQL takes no query")
		}
	}
}

func psqlArgs(port, query string) []string {
	return []string{"-h", "127.0.0.1", "-p", port, "-U", "postgres", "-Atc", query}
}

func pgbench(t testing.TB, port string, args ...string) *exec.Cmd {
	return exec.Command(find(t, "pgbench"), append([]string{"-h", "127.0.0.1", "-p", port, "-U", "postgres"}, append(args, "postgres")...)...)
}

// tps is what pgbench has counted.
func tps(t testing.TB, said string) float64 {
	t.Helper()
	if failed := number(t, said, "number of failed transactions: "); failed != 0 {
		t.Errorf("%v transactions have failed", failed)
	}
	return number(t, said, "tps = ")
}

func TestServicePostgreSQL(t *testing.T) {
	needServices(t)
	db := startPostgres(t)
	ways := waysTo(t, db.port)
	port := ways[len(ways)-1].port
	said := tool(t, exec.Command(find(t, "psql"), psqlArgs(port, "SELECT count(*) FROM pgbench_accounts")...))
	if said != "2000000\n" {
		t.Errorf("psql says %q", said)
	}
	t.Logf("pgbench -c 16 -T 20: %.0f transactions a second", tps(t, tool(t, pgbench(t, port, "-c", "16", "-j", "2", "-T", "20"))))
	measure := func(port string) float64 {
		return tps(t, tool(t, pgbench(t, port, "-n", "-c", "16", "-j", "2", "-T", "5")))
	}
	compare(t, 5, measure, ways)
}

// Of two replicas one is killed, or what exposes it: within a second new connections go to
// the other.
func TestServiceWithReplicas(t *testing.T) {
	needServices(t)
	for _, killed := range []string{"server", "expose"} {
		t.Run(killed, func(t *testing.T) {
			nodes := startNetwork(t, "quic,tcp", 3)
			var replicas [2]postgres
			var exposed [2]*netNode
			for i := range replicas {
				replicas[i] = startPostgres(t)
				exposed[i] = expose(t, nodes[i], "db", replicas[i].port)
			}
			port, _ := forwardTo(t, nodes[2], "db")
			type result struct {
				said []byte
				err  error
			}
			load := make(chan result, 1)
			go func() {
				said, err := pgbench(t, port, "-n", "-S", "-C", "-c", "8", "-j", "2", "-T", "10").CombinedOutput()
				load <- result{said, err}
			}()
			time.Sleep(3 * time.Second) // of load on both
			at := time.Now()
			if killed == "server" {
				replicas[0].kill()
			} else if err := exposed[0].command.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			if last := lastFailure(t, port, 4*time.Second); last.Sub(at) > time.Second {
				t.Errorf("a connection that began %v after the kill has failed", last.Sub(at))
			}
			// pgbench gives clients up whose connection was cut, and goes on with the others.
			r := <-load
			t.Logf("pgbench: %v, %.0f transactions a second, %d clients cut off", r.err, number(t, string(r.said), "tps = "),
				strings.Count(string(r.said), "aborted"))
		})
	}
}

// lastFailure connects again and again for a time, and returns when the last connection
// began that did not reach a server; the zero time if all did.
func lastFailure(t testing.TB, port string, d time.Duration) (last time.Time) {
	t.Helper()
	tries := 0
	for end := time.Now().Add(d); time.Now().Before(end); tries++ {
		began := time.Now()
		if err := greet(port); err != nil {
			t.Logf("connection %d, %v after the first: %v", tries, began.Sub(end.Add(-d)).Round(time.Millisecond), err)
			last = began
		}
	}
	t.Logf("%d connections", tries)
	return last
}

// greet asks a server of PostgreSQL whether it speaks TLS.
func greet(port string) error {
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := c.Write([]byte{0, 0, 0, 8, 4, 210, 22, 47}); err != nil { // SSLRequest
		return err
	}
	var answer [1]byte
	if _, err := io.ReadFull(c, answer[:]); err != nil {
		return err
	}
	if answer[0] != 'N' && answer[0] != 'S' {
		return errors.New(fmt.Sprint("the server says ", answer))
	}
	return nil
}

func TestServiceRedis(t *testing.T) {
	needServices(t)
	port := freePort(t)
	startDaemon(t, port, exec.Command(find(t, "redis-server"), "--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir()))
	measure := func(port string) float64 {
		said := tool(t, exec.Command(find(t, "redis-benchmark"), "-h", "127.0.0.1", "-p", port, "-t", "get", "-n", "100000", "-c", "50", "-d", "100", "--csv"))
		return number(t, strings.ReplaceAll(said, `"`, " "), "GET , ")
	}
	compare(t, 5, measure, waysTo(t, port))
}
