package main

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestCarriesBytesBothWaysToTheirEnd(t *testing.T) {
	o := parse(t, nil)
	listener := serve(t, o, "127.0.0.1:0")
	a, b := join(t, o, listener, listener.Addr().String())
	expectCarries(t, a, b, strings.Repeat("one way ", 100_000))
	expectCarries(t, b, a, strings.Repeat("and back ", 100_000))
	if a.RemoteAddr().String() != listener.Addr().String() || b.RemoteAddr().String() != a.LocalAddr().String() {
		t.Errorf("ends %v–%v and %v–%v", a.LocalAddr(), a.RemoteAddr(), b.LocalAddr(), b.RemoteAddr())
	}
}

// Bytes go on as they are, however the other side cuts them into messages.
func TestMessagesAreCutInAnyWay(t *testing.T) {
	o := parse(t, nil)
	listener := serve(t, o, "127.0.0.1:0")
	a, b := join(t, o, listener, listener.Addr().String())
	go func() {
		for _, piece := range []string{"a", "", "bc", "def"} {
			_, _ = a.Write([]byte(piece)) // nothing is no message, which would be the end
		}
		_ = a.(*conn).CloseWrite()
	}()
	var got bytes.Buffer
	if _, err := io.CopyBuffer(&got, struct{ io.Reader }{b}, make([]byte, 2)); err != nil || got.String() != "abcdef" {
		t.Errorf("%q, %v", got.String(), err)
	}
}

// Over wss:// the outer certificate is checked against the options, unless they say not
// to.
func TestOuterTLS(t *testing.T) {
	cert, key := certificate(t, "gate.example")
	otherCert, _ := certificate(t, "gate.example")
	listener := serve(t, parse(t, map[string]string{"cert": cert, "key": key, "path": "/iris"}), "127.0.0.1:0")
	addr := listener.Addr().String()
	for _, row := range []struct {
		name  string
		addr  string
		given map[string]string
		want  string // of the error; empty for none
	}{
		{"authority and name", addr, map[string]string{"tls": "true", "ca": cert, "name": "gate.example"}, ""},
		{"by URL", "wss://" + addr + "/iris", map[string]string{"ca": cert, "name": "gate.example"}, ""},
		{"own certificate means TLS", addr, map[string]string{"cert": cert, "key": key, "verify": "false"}, ""},
		{"not verified", addr, map[string]string{"tls": "true", "verify": "false"}, ""},
		{"system authorities", addr, map[string]string{"tls": "true", "name": "gate.example"}, "unknown authority"},
		{"another authority", addr, map[string]string{"tls": "true", "ca": otherCert, "name": "gate.example"}, "unknown authority"},
		{"another name", addr, map[string]string{"tls": "true", "ca": cert, "name": "else.example"}, "else.example"},
		{"no TLS", addr, nil, "400"},
	} {
		t.Run(row.name, func(t *testing.T) {
			given := map[string]string{"path": "/iris"}
			maps.Copy(given, row.given)
			o := parse(t, given)
			if row.want == "" {
				a, b := join(t, o, listener, row.addr)
				expectCarries(t, a, b, "through the gate")
				return
			}
			if conn, err := dial(t.Context(), o, row.addr); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, %v; want an error with %q", conn, err, row.want)
			}
		})
	}
}

// What is no WebSocket for links is turned away.
func TestStrangers(t *testing.T) {
	listener := serve(t, parse(t, map[string]string{"path": "/iris"}), "127.0.0.1:0")
	addr := listener.Addr().String()
	get := func(path string) int {
		response, err := http.Get("http://" + addr + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	if got := get("/"); got != http.StatusNotFound {
		t.Errorf("another path: %d", got)
	}
	if got := get("/iris"); got != http.StatusUpgradeRequired {
		t.Errorf("no upgrade: %d", got)
	}
	if _, err := dial(t.Context(), parse(t, nil), addr); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("another path: %v", err)
	}
	page := &websocket.DialOptions{Subprotocols: []string{protocol}, HTTPHeader: http.Header{"Origin": {"https://evil.example"}}}
	if _, _, err := websocket.Dial(t.Context(), "ws://"+addr+"/iris", page); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("a page of another site: %v", err)
	}
	ws, _, err := websocket.Dial(t.Context(), "ws://"+addr+"/iris", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := ws.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("no subprotocol: %v", err)
	}
}

// A dial goes no further than its address: a redirect could lead anywhere.
func TestRedirectsAreNotFollowed(t *testing.T) {
	o := parse(t, nil)
	target := serve(t, o, "127.0.0.1:0")
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.RedirectHandler("http://"+target.Addr().String()+"/", http.StatusFound)}
	go func() { _ = server.Serve(front) }()
	t.Cleanup(func() { _ = server.Close() })
	if _, err := dial(t.Context(), o, front.Addr().String()); err == nil || !strings.Contains(err.Error(), "302") {
		t.Errorf("%v", err)
	}
}

// A peer that answers no ping is given up.
func TestPing(t *testing.T) {
	o := parse(t, map[string]string{"ping": "50ms"})
	listener := serve(t, o, "127.0.0.1:0")
	// This side does not read, and pongs are sent while reading.
	silent, _, err := websocket.Dial(t.Context(), "ws://"+listener.Addr().String(), &websocket.DialOptions{Subprotocols: []string{protocol}})
	if err != nil {
		t.Fatal(err)
	}
	defer silent.CloseNow()
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := accepted.Read(make([]byte, 1))
		ended <- err
	}()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("it has read something")
		}
	case <-time.After(patience):
		t.Fatal("it still waits")
	}
	_ = accepted.Close()
}

// One that answers is not.
func TestAnsweredPing(t *testing.T) {
	listener := serve(t, parse(t, map[string]string{"ping": "2s"}), "127.0.0.1:0")
	pinged := make(chan struct{}, 100)
	peer, _, err := websocket.Dial(t.Context(), "ws://"+listener.Addr().String(), &websocket.DialOptions{
		Subprotocols:   []string{protocol},
		OnPingReceived: func(context.Context, []byte) bool { pinged <- struct{}{}; return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	reading := peer.CloseRead(t.Context())
	came := make(chan error, 1)
	go func() {
		_, err := io.ReadFull(accepted, make([]byte, 5))
		came <- err
	}()
	for range 2 {
		<-pinged
	}
	if err := peer.Write(t.Context(), websocket.MessageBinary, []byte("alive")); err != nil {
		t.Fatal(err)
	}
	if err := <-came; err != nil || reading.Err() != nil {
		t.Errorf("%v, %v", err, reading.Err())
	}
	_ = peer.CloseNow()
	_ = accepted.Close()
}

func TestOptionsAreChecked(t *testing.T) {
	cert, key := certificate(t, "x")
	for _, row := range []struct {
		name, value string
		good        bool
	}{
		{"path", "/iris", true},
		{"path", "iris", false},
		{"path", "/iris?x", false},
		{"ping", "0", true},
		{"ping", "-1s", false},
		{"ping", "often", false},
		{"listen", "127.0.0.1:0", true},
		{"advertise", "wss://gate.example/iris", true},
		{"tls", "maybe", false},
		{"cert", cert, false}, // without its key
		{"key", key, false},
		{"ca", key, false},
		{"ca", "/nowhere", false},
		{"verify", "false", true},
		{"colour", "red", false},
	} {
		if _, err := parseOptions(map[string]string{row.name: row.value}); (err == nil) != row.good {
			t.Errorf("%s=%s: %v", row.name, row.value, err)
		}
	}
}

func TestListenElsewhere(t *testing.T) {
	o := parse(t, map[string]string{"listen": "127.0.0.1:0", "advertise": "wss://gate.example/iris"})
	listener := serve(t, o, "192.0.2.1:80") // which is not ours
	if got := listener.(interface{ Advertise() string }).Advertise(); got != "wss://gate.example/iris" {
		t.Errorf("advertises %q", got)
	}
}

func TestDialIsGivenUp(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := dial(ctx, parse(t, nil), silent.Addr().String()); err == nil {
		t.Error("it dialled somebody who says nothing")
	}
}
