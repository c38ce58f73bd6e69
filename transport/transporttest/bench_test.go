package transporttest_test

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"runtime"
	"testing"

	"github.com/project-iris/iris/quic"
	"github.com/project-iris/iris/tcp"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity/identitytest"
	"github.com/project-iris/iris/transport/mem"
	"github.com/project-iris/iris/transport/transporttest/baseline"
)

// Sizes that all contenders share, in bytes.
const (
	block = 64 << 10 // of each write and read of the bulk stream, and of the batches
	frame = 128
)

// A contender is a way to carry one flow of bytes.
type contender struct {
	name string
	open func(b *testing.B) (w io.Writer, r io.Reader)
}

// contenders are the transports, each behind what it is made of.
var contenders = []contender{
	{"rawquic", func(b *testing.B) (io.Writer, io.Reader) { return baseline.QUIC(b) }},
	{"quic", func(b *testing.B) (io.Writer, io.Reader) { return openStream(b, newQUICPair) }},
	{"rawtls", func(b *testing.B) (io.Writer, io.Reader) { return baseline.TLS(b) }},
	{"tcp", func(b *testing.B) (io.Writer, io.Reader) { return openStream(b, newTCPPair) }},
	{"mem", func(b *testing.B) (io.Writer, io.Reader) { return openStream(b, newMemPair) }},
}

// BenchmarkBulk is one stream of large writes.
func BenchmarkBulk(b *testing.B) {
	for _, c := range contenders {
		b.Run(c.name, func(b *testing.B) {
			w, r := c.open(b)
			run(b, w, r, block, block)
		})
	}
}

// BenchmarkFrames is one stream of 128-byte frames, which a buffer on each side
// batches, as lanes do.
func BenchmarkFrames(b *testing.B) {
	for _, c := range contenders {
		b.Run(c.name, func(b *testing.B) {
			w, r := c.open(b)
			run(b, w, r, frame, block)
		})
	}
}

// run writes messages of a size through a batch, and reads them likewise.
func run(b *testing.B, w io.Writer, r io.Reader, size, batch int) {
	b.Helper()
	message := make([]byte, size)
	read := make(chan error, 1)
	total := make(chan int, 1)
	go func() { read <- readAll(bufio.NewReaderSize(r, batch), make([]byte, size), total) }()
	b.SetBytes(int64(size))
	b.ReportAllocs()
	writer := bufio.NewWriterSize(w, batch)
	count := 0
	used := cpuTime()
	for b.Loop() {
		if _, err := writer.Write(message); err != nil {
			b.Fatal(err)
		}
		count++
	}
	// The last one tells the reader that it is, so that all has arrived when the
	// clock stops.
	message[0] = 1
	_, _ = writer.Write(message)
	if err := writer.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := <-read; err != nil {
		b.Fatal(err)
	}
	used = cpuTime() - used
	b.ReportMetric(float64(used.Nanoseconds())/float64(size*count), "cpu-ns/B")
	if got := <-total; got != count+1 {
		b.Fatalf("read %d messages of %d", got, count+1)
	}
}

// readAll reads messages up to the marked one.
func readAll(r io.Reader, message []byte, total chan<- int) error {
	for count := 1; ; count++ {
		if _, err := io.ReadFull(r, message); err != nil {
			total <- count
			return err
		}
		if message[0] == 1 {
			total <- count
			return nil
		}
	}
}

// A linkPair is both ends of a link.
type linkPair struct{ a, b transport.Link }

// nodes are two transports and the listener of the second.
type nodes struct {
	a, b     transport.Transport
	listener transport.Listener
}

func listen(tb testing.TB, a, b transport.Transport, addr string) *nodes {
	tb.Helper()
	tb.Cleanup(func() {
		_ = a.Close()
		_ = b.Close()
	})
	listener, err := b.Listen(context.Background(), addr)
	if err != nil {
		tb.Fatal(err)
	}
	return &nodes{a, b, listener}
}

func (n *nodes) connect(tb testing.TB) linkPair {
	tb.Helper()
	ctx := context.Background()
	accepted := make(chan transport.Link, 1)
	go func() {
		l, _ := n.listener.Accept(ctx)
		accepted <- l
	}()
	dialled, err := n.a.Dial(ctx, n.listener.Addr(), transport.PeerID{})
	if err != nil {
		tb.Fatal(err)
	}
	return linkPair{dialled, <-accepted}
}

func newQUICPair(tb testing.TB) *nodes {
	tb.Helper()
	network := identitytest.NewNetwork(tb, "bench")
	node := func() transport.Transport {
		t, err := quic.New(quic.Config{Identity: network.Node(tb), Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			tb.Fatal(err)
		}
		return t
	}
	return listen(tb, node(), node(), "127.0.0.1:0")
}

func newTCPPair(tb testing.TB) *nodes {
	tb.Helper()
	network := identitytest.NewNetwork(tb, "bench")
	node := func() transport.Transport { return tcp.New(tcp.Config{Identity: network.Node(tb)}) }
	return listen(tb, node(), node(), "127.0.0.1:0")
}

func newMemPair(tb testing.TB) *nodes {
	tb.Helper()
	network := mem.NewNetwork(mem.Config{})
	return listen(tb, network.Node(transport.PeerID{1}), network.Node(transport.PeerID{2}), "b")
}

func openStream(b *testing.B, pair func(testing.TB) *nodes) (io.Writer, io.Reader) {
	b.Helper()
	return openOn(b, pair(b).connect(b))
}

func openOn(tb testing.TB, link linkPair) (w, r transport.Stream) {
	tb.Helper()
	ctx := context.Background()
	w, err := link.a.Open(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write([]byte{0}); err != nil {
		tb.Fatal(err)
	}
	r, err = link.b.Accept(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 1)); err != nil {
		tb.Fatal(err)
	}
	return w, r
}

// memory is what the process uses: heap and stacks, in bytes.
func memory() float64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc + stats.StackInuse)
}

// BenchmarkIdle measures what links and streams cost that do nothing: each
// figure is for one end.
func BenchmarkIdle(b *testing.B) {
	pairs := []struct {
		name string
		make func(testing.TB) *nodes
	}{{"quic", newQUICPair}, {"tcp", newTCPPair}, {"mem", newMemPair}}
	for _, p := range pairs {
		b.Run(p.name, func(b *testing.B) {
			const links, streams = 100, 1000
			n := p.make(b)
			n.connect(b)
			before := memory()
			var made []linkPair
			for range links {
				made = append(made, n.connect(b))
			}
			linked := memory()
			var held []transport.Stream
			for range streams {
				w, r := openOn(b, made[0])
				held = append(held, w, r)
			}
			streamed := memory()
			for b.Loop() {
			}
			b.ReportMetric((linked-before)/links/2, "B/link")
			b.ReportMetric((streamed-linked)/streams/2, "B/stream")
			b.ReportMetric(0, "ns/op")
			runtime.KeepAlive(held)
		})
	}
}
