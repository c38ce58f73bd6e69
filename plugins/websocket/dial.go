package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// protocol is the subprotocol that both sides speak: bytes, and an empty message at the
// end of a direction.
const protocol = "iris-pipe-1"

var errNoProtocol = errors.New("the other side does not speak " + protocol)

// dial makes a connection to HOST:PORT, or to a URL.
func dial(ctx context.Context, o options, addr string) (net.Conn, error) {
	target, err := o.target(addr)
	if err != nil {
		return nil, err
	}
	var raw net.Conn
	client := &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, host string) (conn net.Conn, err error) {
				raw, err = connect(ctx, target, host)
				return raw, err
			},
			TLSClientConfig:        o.client,
			MaxResponseHeaderBytes: maxHeader,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	ws, _, err := websocket.Dial(ctx, target.String(), &websocket.DialOptions{
		HTTPClient: client, Subprotocols: []string{protocol},
	})
	if err != nil {
		return nil, err
	}
	if ws.Subprotocol() != protocol {
		_ = ws.CloseNow()
		return nil, errNoProtocol
	}
	return newConn(ws, raw, o.ping), nil
}

// target is the URL of an address.
func (o options) target(addr string) (*url.URL, error) {
	if strings.Contains(addr, "://") {
		target, err := url.Parse(addr)
		if err == nil && target.Scheme != "ws" && target.Scheme != "wss" {
			err = fmt.Errorf("%q is neither ws:// nor wss://", addr)
		}
		return target, err
	}
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return nil, err
	}
	scheme := "ws"
	if o.secure {
		scheme = "wss"
	}
	return &url.URL{Scheme: scheme, Host: addr, Path: o.path}, nil
}

// connect makes a connection to the host of a URL, through a proxy if the environment
// names one for it (http.ProxyFromEnvironment). The proxy is asked to CONNECT for ws://
// too, as RFC 6455, section 4.1, says: one that forwarded a request could not be trusted
// to forward its upgrade.
func connect(ctx context.Context, target *url.URL, host string) (net.Conn, error) {
	scheme := map[string]string{"ws": "http", "wss": "https"}[target.Scheme]
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: scheme, Host: target.Host}})
	if err != nil {
		return nil, err
	}
	var dialer net.Dialer
	if proxy == nil {
		return dialer.DialContext(ctx, "tcp", host)
	}
	conn, err := dialProxy(ctx, proxy)
	if err != nil {
		return nil, fmt.Errorf("proxy %s: %w", proxy.Host, err)
	}
	if err := tunnel(ctx, conn, proxy, host); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("proxy %s: %w", proxy.Host, err)
	}
	return conn, nil
}

func dialProxy(ctx context.Context, proxy *url.URL) (net.Conn, error) {
	port := map[string]string{"http": "80", "https": "443"}[proxy.Scheme]
	if port == "" {
		return nil, fmt.Errorf("%s is not supported", proxy.Scheme)
	}
	if given := proxy.Port(); given != "" {
		port = given
	}
	host := net.JoinHostPort(proxy.Hostname(), port)
	if proxy.Scheme == "https" {
		return (&tls.Dialer{}).DialContext(ctx, "tcp", host)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", host)
}

// tunnel asks a proxy for a connection to the host.
func tunnel(ctx context.Context, conn net.Conn, proxy *url.URL, host string) error {
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	request := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: host}, Host: host, Header: http.Header{}}
	if user := proxy.User; user != nil {
		password, _ := user.Password()
		secret := base64.StdEncoding.EncodeToString([]byte(user.Username() + ":" + password))
		request.Header.Set("Proxy-Authorization", "Basic "+secret)
	}
	if err := request.Write(conn); err != nil {
		return err
	}
	reader := bufio.NewReader(io.LimitReader(conn, maxHeader))
	response, err := http.ReadResponse(reader, request)
	switch {
	case err != nil:
		return err
	case response.StatusCode != http.StatusOK:
		return errors.New(response.Status)
	case reader.Buffered() > 0:
		return errors.New("bytes came through it before any were sent")
	}
	return nil
}
