package quic_test

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	quicgo "github.com/quic-go/quic-go"

	"github.com/project-iris/iris/quic"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/hello"
	"github.com/project-iris/iris/transport/identity/identitytest"
)

const patience = 30 * time.Second

// records is a log that a test reads.
type records struct {
	slog.Handler
	mu    sync.Mutex
	lines []slog.Record
	more  chan struct{}
}

func newRecords() *records {
	return &records{Handler: slog.DiscardHandler, more: make(chan struct{}, 1000)}
}

func (r *records) Enabled(context.Context, slog.Level) bool { return true }

func (r *records) Handle(_ context.Context, line slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
	r.more <- struct{}{}
	return nil
}

func (r *records) with(message string) (found []map[string]any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range r.lines {
		if line.Message != message {
			continue
		}
		attributes := map[string]any{}
		line.Attrs(func(a slog.Attr) bool {
			attributes[a.Key] = a.Value.Any()
			return true
		})
		found = append(found, attributes)
	}
	return found
}

// refusal waits for the line about a refused peer and returns its error.
func (r *records) refusal(t *testing.T) error {
	t.Helper()
	for limit := time.After(patience); ; {
		if lines := r.with("peer refused"); len(lines) > 0 {
			return lines[0]["err"].(error)
		}
		select {
		case <-r.more:
		case <-limit:
			t.Fatal("no refusal was logged")
		}
	}
}

// host is a listening node with a log.
type host struct {
	transport *quic.Transport
	listener  transport.Listener
	log       *records
}

func newHost(t *testing.T, network *identitytest.Network, changes ...func(*quic.Config)) *host {
	t.Helper()
	h := &host{log: newRecords()}
	changes = append(changes, func(c *quic.Config) { c.Logger = slog.New(h.log) })
	h.transport = newTransport(t, network.Node(t), changes...)
	var err error
	if h.listener, err = h.transport.Listen(t.Context(), "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *host) accept(t *testing.T) transport.Link {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	l, err := h.listener.Accept(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (h *host) expectNoLink(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if l, err := h.listener.Accept(ctx); err == nil {
		t.Errorf("a link was accepted, from %s", l.Peer())
	}
}

// rawConfig is how the peers of these tests speak QUIC.
func rawConfig() *quicgo.Config {
	return &quicgo.Config{EnableDatagrams: true, MaxIncomingStreams: 100}
}

// knock dials an address with any TLS configuration, and says hello.
func knock(ctx context.Context, addr string, config *tls.Config) (*quicgo.Conn, error) {
	conn, err := quicgo.DialAddr(ctx, addr, config, rawConfig())
	if err != nil {
		return nil, err
	}
	s, err := conn.OpenStreamSync(ctx)
	if err != nil {
		return conn, err
	}
	if _, err := s.Write(hello.Append(nil, transport.Versions{})); err != nil {
		return conn, err
	}
	if err := s.Close(); err != nil {
		return conn, err
	}
	_ = s.SetReadDeadline(time.Now().Add(patience))
	_, err = s.Read(make([]byte, 64))
	if err != nil && err.Error() == "EOF" {
		err = nil
	}
	return conn, err
}

// mustKnock is knock by a peer that is let in.
func mustKnock(t *testing.T, h *host, config *tls.Config) *quicgo.Conn {
	t.Helper()
	conn, err := knock(t.Context(), h.listener.Addr(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseWithError(0, "") })
	return conn
}

// overQUIC adapts an intruder of the table: some cannot exist over QUIC, and
// some are refused by crypto/tls itself.
func overQUIC(row identitytest.Intruder) (reason error, exists bool) {
	switch row.Name {
	case "TLS 1.2": // RFC 9001, section 4.2: crypto/tls does not even begin
		return nil, false
	case "no ALPN": // RFC 9001, section 8.1: crypto/tls insists on it by itself
		return nil, true
	}
	return row.Reason, true
}

func TestIntrudersThatDialAreRefused(t *testing.T) {
	network := identitytest.NewNetwork(t, "refused")
	h := newHost(t, network)
	mustKnock(t, h, network.Impostor(t)) // what follows fails for its one flaw only
	h.accept(t)
	for _, row := range network.Intruders(t, network.Node(t)) {
		reason, exists := overQUIC(row)
		if !exists || errors.Is(reason, transport.ErrSelf) {
			continue // oneself is the listener itself, below
		}
		t.Run(row.Name, func(t *testing.T) { testDialRefused(t, newHost(t, network), row.Config, reason) })
	}
	t.Run("the node itself", func(t *testing.T) {
		_, err := h.transport.Dial(t.Context(), h.listener.Addr(), transport.PeerID{})
		if !errors.Is(err, transport.ErrSelf) {
			t.Errorf("dial oneself: %v", err)
		}
	})
}

func testDialRefused(t *testing.T, h *host, config *tls.Config, reason error) {
	t.Helper()
	conn, err := knock(t.Context(), h.listener.Addr(), config)
	if err == nil {
		t.Error("the intruder was answered")
	}
	if conn != nil {
		defer conn.CloseWithError(0, "")
	}
	logged := h.log.refusal(t)
	if !errors.Is(logged, transport.ErrRefused) || (reason != nil && !errors.Is(logged, reason)) {
		t.Errorf("refused with %v; want %v", logged, reason)
	}
	h.expectNoLink(t)
	if n := h.transport.Refused(); n != 1 {
		t.Errorf("%d refusals counted, want 1", n)
	}
}

func TestIntrudersThatListenAreRefused(t *testing.T) {
	network := identitytest.NewNetwork(t, "refused")
	node := network.Node(t)
	client := newTransport(t, node)
	answers := func(t *testing.T, config *tls.Config) error {
		t.Helper()
		l, err := quicgo.ListenAddr("127.0.0.1:0", config, rawConfig())
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go answerOne(t.Context(), l)
		_, err = client.Dial(t.Context(), l.Addr().String(), transport.PeerID{})
		return err
	}
	if err := answers(t, network.Impostor(t)); err != nil {
		t.Fatalf("a good server is refused: %v", err)
	}
	for _, row := range network.Intruders(t, node) {
		reason, exists := overQUIC(row)
		if !exists || row.ClientOnly {
			continue
		}
		t.Run(row.Name, func(t *testing.T) {
			err := answers(t, row.Config)
			if !errors.Is(err, transport.ErrRefused) || (reason != nil && !errors.Is(err, reason)) {
				t.Errorf("dial: %v; want it refused for %v", err, reason)
			}
		})
	}
}

// answerOne plays the listening side of one link.
func answerOne(ctx context.Context, l *quicgo.Listener) {
	conn, err := l.Accept(ctx)
	if err != nil {
		return
	}
	s, err := conn.AcceptStream(ctx)
	if err != nil {
		return
	}
	_, _ = s.Write(hello.Append(nil, transport.Versions{}))
	_ = s.Close()
	<-conn.Context().Done()
}

// TestRefusalsAreLoggedOnceAMinute has many peers refused, one line written,
// and all of them counted.
func TestRefusalsAreLoggedOnceAMinute(t *testing.T) {
	network := identitytest.NewNetwork(t, "refused")
	other := identitytest.NewNetwork(t, "refused")
	h := newHost(t, network)
	const peers = 10
	for range peers {
		conn, _ := knock(t.Context(), h.listener.Addr(), other.Impostor(t))
		if conn != nil {
			_ = conn.CloseWithError(0, "")
		}
	}
	h.log.refusal(t)
	mustKnock(t, h, network.Impostor(t))
	h.accept(t)
	if n := len(h.log.with("peer refused")); n != 1 {
		t.Errorf("%d lines for %d refused peers", n, peers)
	}
	if n := h.transport.Refused(); n != peers {
		t.Errorf("%d refusals counted, want %d", n, peers)
	}
}

// TestAReplayedFirstFlightIsNoLink records what a good peer sends, and sends it
// again from elsewhere.
func TestAReplayedFirstFlightIsNoLink(t *testing.T) {
	network := identitytest.NewNetwork(t, "replay")
	h := newHost(t, network)
	wire := newRecorder(t, h.listener.Addr())
	dialled, err := newTransport(t, network.Node(t)).Dial(t.Context(), wire.addr(), transport.PeerID{})
	if err != nil {
		t.Fatal(err)
	}
	accepted := h.accept(t)
	_ = dialled.Close(nil)
	<-accepted.Context().Done()

	again, err := net.Dial("udp", h.listener.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	packets := wire.recorded()
	if len(packets) < 2 {
		t.Fatalf("only %d packets recorded", len(packets))
	}
	for _, packet := range packets {
		if _, err := again.Write(packet); err != nil {
			t.Fatal(err)
		}
	}
	h.expectNoLink(t)
	mustKnock(t, h, network.Impostor(t))
	h.accept(t)
}

// A recorder passes packets between one client and a server, and keeps those
// of the client.
type recorder struct {
	front *net.UDPConn
	mu    sync.Mutex
	sent  [][]byte
}

func newRecorder(t *testing.T, server string) *recorder {
	t.Helper()
	listen, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	back, err := net.Dial("udp", server)
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{front: listen.(*net.UDPConn)}
	var passing sync.WaitGroup
	var client sync.Map
	passing.Go(func() { r.passThere(back, &client) })
	passing.Go(func() { r.passBack(back, &client) })
	t.Cleanup(func() {
		_ = r.front.Close()
		_ = back.Close()
		passing.Wait()
	})
	return r
}

func (r *recorder) addr() string { return r.front.LocalAddr().String() }

func (r *recorder) recorded() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([][]byte(nil), r.sent...)
}

func (r *recorder) passThere(back net.Conn, client *sync.Map) {
	buffer := make([]byte, 64<<10)
	for {
		n, from, err := r.front.ReadFrom(buffer)
		if err != nil {
			return
		}
		client.Store("address", from)
		r.mu.Lock()
		r.sent = append(r.sent, append([]byte(nil), buffer[:n]...))
		r.mu.Unlock()
		_, _ = back.Write(buffer[:n])
	}
}

func (r *recorder) passBack(back net.Conn, client *sync.Map) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := back.Read(buffer)
		if err != nil {
			return
		}
		if to, ok := client.Load("address"); ok {
			_, _ = r.front.WriteTo(buffer[:n], to.(net.Addr))
		}
	}
}
