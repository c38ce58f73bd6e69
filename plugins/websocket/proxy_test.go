package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// A proxy is an HTTP proxy that only connects, to one host, whatever its name.
type proxy struct {
	net.Listener
	target string
	asked  chan *http.Request
}

func startProxy(t *testing.T, target string) *proxy {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inner.Close() })
	p := &proxy{Listener: inner, target: target, asked: make(chan *http.Request, 10)}
	go func() {
		for {
			conn, err := inner.Accept()
			if err != nil {
				return
			}
			go p.serve(conn)
		}
	}()
	return p
}

func (p *proxy) serve(conn net.Conn) {
	defer conn.Close()
	request, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	p.asked <- request
	if request.Method != http.MethodConnect || request.Header.Get("Proxy-Authorization") != "Basic dXNlcjpwYXNz" {
		_, _ = io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
		return
	}
	to, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer to.Close()
	_, _ = io.WriteString(conn, "HTTP/1.1 200 Connected\r\n\r\n")
	go func() { _, _ = io.Copy(to, conn) }()
	_, _ = io.Copy(conn, to)
}

// The environment is read once in a process, so each row of TestProxy is one of its own.
const proxyVariable = "IRIS_TEST_PROXY_TARGET"

// The proxy of the environment is used for ws:// and wss:// alike, and asked to connect.
func TestProxy(t *testing.T) {
	if target := os.Getenv(proxyVariable); target != "" {
		dialByProxy(t, target)
		return
	}
	cert, key := certificate(t, "gate.example")
	plain := serve(t, parse(t, nil), "127.0.0.1:0")
	secure := serve(t, parse(t, map[string]string{"cert": cert, "key": key}), "127.0.0.1:0")
	for _, row := range []struct {
		name, target, variable, user string
		listener                     net.Listener
		good                         bool
	}{
		{"ws", "ws://gate.example:8080/", "http_proxy", "user:pass@", plain, true},
		{"wss", "wss://gate.example/", "HTTPS_PROXY", "user:pass@", secure, true},
		{"wrong password", "ws://gate.example:8080/", "http_proxy", "user:word@", plain, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := startProxy(t, row.listener.Addr().String())
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestProxy$")
			child.Env = []string{
				proxyVariable + "=" + row.target, "PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0",
				row.variable + "=http://" + row.user + p.Addr().String(),
			}
			if row.good {
				go func() {
					conn, err := row.listener.Accept()
					if err == nil {
						_, _ = io.Copy(conn, conn)
						_ = conn.(interface{ CloseWrite() error }).CloseWrite()
						_ = conn.Close()
					}
				}()
			}
			out, err := child.CombinedOutput()
			if (err == nil) != row.good || !row.good && !strings.Contains(string(out), "407") {
				t.Errorf("%v: %s", err, out)
			}
			select {
			case request := <-p.asked:
				if request.Method != http.MethodConnect || !strings.HasPrefix(request.Host, "gate.example:") {
					t.Errorf("the proxy was asked for %s %s", request.Method, request.Host)
				}
			default:
				t.Error("the proxy was not asked")
			}
		})
	}
}

func dialByProxy(t *testing.T, target string) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	conn, err := dial(ctx, parse(t, map[string]string{"verify": "false"}), target)
	if err != nil {
		t.Fatal(err)
	}
	expectCarries(t, conn, conn, "there and back")
	_ = conn.Close()
}
