package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// crowd is nodes with one forward and one expose, each in a process of its own, before a
// server that echoes.
type crowd struct {
	port      string
	processes []*netNode
}

func newCrowd(t *testing.T) *crowd {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	nodes := startNetwork(t, "quic,tcp", 2)
	_, port, _ := net.SplitHostPort(l.Addr().String())
	e := expose(t, nodes[0], "echo", port, "-check=1h", "-timeout=1m")
	near, f := forwardTo(t, nodes[1], "echo", "-timeout=1m")
	return &crowd{near, append(nodes, e, f)}
}

// connect opens a connection and sees that it works.
func (c *crowd) connect() (net.Conn, error) {
	conn, err := net.Dial("tcp", "127.0.0.1:"+c.port)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write([]byte("echo")); err != nil {
		return conn, err
	}
	_, err = io.ReadFull(conn, make([]byte, 4))
	return conn, err
}

// descriptors are those of each process.
func (c *crowd) descriptors(t *testing.T) (all []int) {
	t.Helper()
	for _, p := range c.processes {
		files, err := os.ReadDir("/proc/" + strconv.Itoa(p.command.Process.Pid) + "/fd")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, len(files))
	}
	return all
}

// memory is what each process has resident, in KiB.
func (c *crowd) memory(t *testing.T) (all []int64) {
	t.Helper()
	for _, p := range c.processes {
		all = append(all, p.memory(t, "VmRSS")>>10)
	}
	return all
}

func TestServiceWithAThousandConnections(t *testing.T) {
	needServices(t)
	c := newCrowd(t)
	before := c.descriptors(t)
	const count = 1000
	var conns [count]net.Conn
	var opening sync.WaitGroup
	for i := range conns {
		opening.Go(func() {
			var err error
			if conns[i], err = c.connect(); err != nil {
				t.Error(err)
			}
		})
	}
	opening.Wait()
	t.Logf("all are open: descriptors %v, before %v; KiB %v", c.descriptors(t), before, c.memory(t))
	for i, conn := range conns {
		if conn == nil {
			continue
		}
		if _, err := conn.Write([]byte("again")); err != nil {
			t.Error(err)
		}
		if _, err := io.ReadFull(conn, make([]byte, 5)); err != nil {
			t.Errorf("connection %d: %v", i, err)
		}
		_ = conn.Close()
	}
	c.checkIsAsBefore(t, before)
}

// checkIsAsBefore waits until no process has more descriptors than before.
func (c *crowd) checkIsAsBefore(t *testing.T, before []int) {
	t.Helper()
	const spare = 4 // what runtimes and nodes open now and then
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		now, more := c.descriptors(t), false
		for i := range now {
			more = more || now[i] > before[i]+spare
		}
		if !more {
			t.Logf("descriptors %v, before %v", now, before)
			return
		}
		if time.Now().After(end) {
			t.Errorf("descriptors %v, before %v", now, before)
			return
		}
	}
}

// Each process ends in good order after that, which it could not with a tunnel left.
func TestServiceWithManyConnectionsInTurn(t *testing.T) {
	needServices(t)
	c := newCrowd(t)
	c.inTurn(t, *serviceTurns/10)
	before, memory := c.descriptors(t), c.memory(t)
	began := time.Now()
	c.inTurn(t, *serviceTurns)
	t.Logf("%d connections, %.0f a second; KiB %v, before %v", *serviceTurns, float64(*serviceTurns)/time.Since(began).Seconds(), c.memory(t), memory)
	c.checkIsAsBefore(t, before)
	for i, now := range c.memory(t) {
		if now > memory[i]+32<<10 {
			t.Errorf("process %d has grown by %d KiB", i, now-memory[i])
		}
	}
	for i := len(c.processes) - 1; i >= 0; i-- {
		p := c.processes[i]
		_ = p.command.Process.Signal(os.Interrupt)
		if said := p.err.next(t, "stopped"); i >= 2 {
			t.Log(said)
		}
	}
}

// inTurn opens and closes connections, eight at a time.
func (c *crowd) inTurn(t *testing.T, count int) {
	t.Helper()
	var next atomic.Int64
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			for n := next.Add(1); n <= int64(count) && !t.Failed(); n = next.Add(1) {
				conn, err := c.connect()
				if err != nil {
					t.Error(fmt.Errorf("connection %d: %w", n, err))
					return
				}
				_ = conn.Close()
			}
		})
	}
	running.Wait()
}
