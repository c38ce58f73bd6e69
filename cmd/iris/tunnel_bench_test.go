package main

import (
	"context"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/project-iris/iris/relay/client"
	"github.com/project-iris/iris/transport/transporttest/baseline"
)

// rounds is how often each figure is measured; medians are reported. What is compared
// is measured in turn within a round, as the machine's other work changes by the minute.
const rounds = 7

// bulkTime is how long bulk data flows for one figure.
const bulkTime = time.Second

var block = make([]byte, 64<<10)

// BenchmarkTunnelRate is how fast one tunnel is, from application to application over
// two nodes, next to a raw stream of what its transport is made of.
func BenchmarkTunnelRate(b *testing.B) {
	for _, row := range []struct {
		transport string
		raw       func(testing.TB) (io.Writer, io.Reader)
	}{{"quic", baseline.QUIC}, {"tcp", baseline.TLS}} {
		b.Run(row.transport, func(b *testing.B) {
			sender, receiver := startPair(b, row.transport)
			tunnel, arrived := openBulk(b, sender, receiver)
			raw, r := row.raw(b)
			rawArrived := count(r)
			for b.Loop() {
				var rates, raws, ratios []float64
				for range rounds {
					raws = append(raws, rate(b, raw, rawArrived))
					rates = append(rates, rate(b, tunnel, arrived))
					ratios = append(ratios, rates[len(rates)-1]/raws[len(raws)-1])
				}
				b.ReportMetric(median(rates), "MB/s")
				b.ReportMetric(median(raws), "MB/s-raw")
				b.ReportMetric(median(ratios), "of-raw")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

// startPair starts two nodes, and returns how to attach to each.
func startPair(tb testing.TB, transport string) (here, there client.Config) {
	tb.Helper()
	nodes := startNetwork(tb, transport, 2)
	return nodes[0].config(), nodes[1].config()
}

// openBulk opens a tunnel whose receiver takes all that comes, and counts it.
func openBulk(tb testing.TB, sender, receiver client.Config) (*client.Tunnel, *atomic.Int64) {
	tb.Helper()
	ctx := context.Background()
	arrived := make(chan *atomic.Int64, 1)
	member, err := client.Register(ctx, "bulk", client.Service{Tunnel: func(t *client.Tunnel) {
		n := new(atomic.Int64)
		arrived <- n
		_, _ = io.CopyBuffer(counter{n}, onlyReader{t}, make([]byte, len(block)))
	}}, receiver)
	if err != nil {
		tb.Fatal(err)
	}
	conn, err := client.Connect(ctx, sender)
	if err != nil {
		tb.Fatal(err)
	}
	tunnel, err := conn.Tunnel(ctx, "bulk")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = conn.Close()
		_ = member.Close()
	})
	return tunnel, <-arrived
}

type onlyReader struct{ io.Reader }

// counter counts what is written to it.
type counter struct{ n *atomic.Int64 }

func (c counter) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return len(b), nil
}

// count reads all that comes.
func count(r io.Reader) *atomic.Int64 {
	n := new(atomic.Int64)
	go func() { _, _ = io.CopyBuffer(counter{n}, onlyReader{r}, make([]byte, len(block))) }()
	return n
}

// rate writes for bulkTime, and returns how fast that has arrived, in MB/s.
func rate(tb testing.TB, w io.Writer, arrived *atomic.Int64) float64 {
	tb.Helper()
	from, begin := arrived.Load(), time.Now()
	var sent int64
	for time.Since(begin) < bulkTime {
		n, err := w.Write(block)
		sent += int64(n)
		if err != nil {
			tb.Fatal(err)
		}
	}
	for arrived.Load() < from+sent {
		time.Sleep(100 * time.Microsecond)
	}
	return float64(sent) / 1e6 / time.Since(begin).Seconds()
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// BenchmarkRequestsBesideTunnel is how long a request to another node takes, one after
// the other, while nothing else happens and while a tunnel runs flat out: one between
// other applications of the same nodes; and one between two other nodes, which takes as
// much of the machine and nothing of the network in between.
func BenchmarkRequestsBesideTunnel(b *testing.B) {
	for _, transport := range []string{"quic", "tcp"} {
		here, there := startPair(b, transport)
		caller := openEcho(b, here, there)
		for _, row := range []struct {
			name         string
			other, paced bool
		}{{"same nodes", false, false}, {"same nodes, 20 MB per s", false, true}, {"other nodes", true, false}} {
			b.Run(transport+"/"+row.name, func(b *testing.B) {
				from, to := here, there
				if row.other {
					from, to = startPair(b, transport)
				}
				tunnel, arrived := openBulk(b, from, to)
				var w io.Writer = tunnel
				if row.paced {
					w = &pacedWriter{Writer: tunnel, perSecond: 20e6}
				}
				for b.Loop() {
					reportBeside(b, caller, w, arrived)
				}
			})
		}
	}
}

// reportBeside measures requests without and with a tunnel beside them, in turn.
func reportBeside(b *testing.B, caller *client.Conn, tunnel io.Writer, arrived *atomic.Int64) {
	b.Helper()
	units := []string{"µs-idle-p50", "µs-idle-p99", "µs-bulk-p50", "µs-bulk-p99", "×p50", "×p99", "MB/s"}
	figures := make([][]float64, len(units))
	for range rounds {
		idle := latencies(b, caller)
		var bulk []time.Duration
		moved := beside(b, tunnel, arrived, func() { bulk = latencies(b, caller) })
		for i, v := range []float64{
			micros(idle, 50), micros(idle, 99), micros(bulk, 50), micros(bulk, 99),
			micros(bulk, 50) / micros(idle, 50), micros(bulk, 99) / micros(idle, 99), moved,
		} {
			figures[i] = append(figures[i], v)
		}
	}
	for i, unit := range units {
		b.ReportMetric(median(figures[i]), unit)
	}
	b.ReportMetric(0, "ns/op")
}

// pacedWriter writes no faster than a number of bytes in a second.
type pacedWriter struct {
	io.Writer
	perSecond float64
	next      time.Time
}

func (p *pacedWriter) Write(b []byte) (int, error) {
	time.Sleep(time.Until(p.next))
	p.next = later(p.next, time.Now()).Add(time.Duration(float64(len(b)) / p.perSecond * float64(time.Second)))
	return p.Writer.Write(b)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// openEcho attaches a service to one node, and a caller to the other.
func openEcho(tb testing.TB, here, there client.Config) *client.Conn {
	tb.Helper()
	ctx := context.Background()
	member, err := client.Register(ctx, "echo", client.Service{
		Request: func(_ context.Context, body []byte) ([]byte, error) { return body, nil },
	}, there)
	if err != nil {
		tb.Fatal(err)
	}
	caller, err := client.Connect(ctx, here)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = caller.Close()
		_ = member.Close()
	})
	return caller
}

// latencies sends requests for bulkTime, and returns how long they took, sorted.
func latencies(tb testing.TB, caller *client.Conn) []time.Duration {
	tb.Helper()
	var all []time.Duration
	body := make([]byte, 128)
	for begin := time.Now(); time.Since(begin) < bulkTime; {
		asked := time.Now()
		if _, err := caller.Request(context.Background(), "echo", body); err != nil {
			tb.Fatal(err)
		}
		all = append(all, time.Since(asked))
	}
	slices.Sort(all)
	return all
}

func micros(sorted []time.Duration, percent int) float64 {
	return float64(sorted[len(sorted)*percent/100].Nanoseconds()) / 1e3
}

// beside runs a function while a tunnel runs flat out, and returns how fast that was, in
// MB/s.
func beside(tb testing.TB, tunnel io.Writer, arrived *atomic.Int64, f func()) float64 {
	tb.Helper()
	var over atomic.Bool
	var sending sync.WaitGroup
	from := arrived.Load()
	var sent int64
	sending.Go(func() {
		for !over.Load() {
			n, err := tunnel.Write(block)
			sent += int64(n)
			if err != nil {
				tb.Error(err)
				return
			}
		}
	})
	begin := time.Now()
	f()
	moved := float64(arrived.Load()-from) / 1e6 / time.Since(begin).Seconds()
	over.Store(true)
	sending.Wait()
	for arrived.Load() < from+sent {
		time.Sleep(time.Millisecond)
	}
	return moved
}

// BenchmarkStalledTunnel is how fast a tunnel is while another one, between the same
// applications, has a receiver that takes nothing.
func BenchmarkStalledTunnel(b *testing.B) {
	for _, transport := range []string{"quic", "tcp"} {
		b.Run(transport, func(b *testing.B) {
			alone, aloneArrived := openBulkBeside(b, transport, false)
			beside, besideArrived := openBulkBeside(b, transport, true)
			for b.Loop() {
				var ratios []float64
				for range rounds {
					free := rate(b, alone, aloneArrived)
					ratios = append(ratios, rate(b, beside, besideArrived)/free)
				}
				b.ReportMetric(median(ratios), "of-alone")
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

// openBulkBeside is openBulk between two nodes of its own, with a stalled tunnel beside it if
// that is wanted.
func openBulkBeside(tb testing.TB, transport string, stalled bool) (*client.Tunnel, *atomic.Int64) {
	tb.Helper()
	here, there := startPair(tb, transport)
	if stalled {
		fillStalled(tb, here, there)
	}
	return openBulk(tb, here, there)
}

// fillStalled opens a tunnel whose receiver takes nothing, and sends until no more goes.
func fillStalled(tb testing.TB, here, there client.Config) {
	tb.Helper()
	over := make(chan struct{})
	member, err := client.Register(context.Background(), "stalled", client.Service{Tunnel: func(*client.Tunnel) { <-over }}, there)
	if err != nil {
		tb.Fatal(err)
	}
	conn, err := client.Connect(context.Background(), here)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		close(over)
		_ = conn.Close()
		_ = member.Close()
	})
	tunnel, err := conn.Tunnel(context.Background(), "stalled")
	if err != nil {
		tb.Fatal(err)
	}
	for {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		err := tunnel.Send(ctx, block)
		cancel()
		if err != nil {
			return
		}
	}
}
