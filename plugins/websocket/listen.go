package main

import (
	"context"
	"errors"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/net/netutil"

	"github.com/project-iris/iris/transport/strangers"
)

const (
	// maxHeader is the size of a request's or a response's header, in bytes.
	maxHeader = 8 << 10
	// maxConns bounds the connections of a listener, those that are no WebSocket yet
	// included. Of these there are maxGuests.
	maxConns = 4096
	// headerTimeout is how long a client may take for its request.
	headerTimeout = 10 * time.Second
)

// A listener is a net.Listener of WebSocket connections, and an HTTP server for them.
type listener struct {
	inner     net.Listener
	server    *http.Server
	options   options
	accepted  chan net.Conn
	closed    chan struct{}
	closeOnce sync.Once
	serving   sync.WaitGroup
}

// listen serves WebSocket at addr, or where the options say.
func listen(ctx context.Context, o options, addr string) (net.Listener, error) {
	return listenFor(ctx, o, addr, maxConns, maxGuests)
}

// listenFor is listen for so many connections, and so many of these before their upgrade.
func listenFor(ctx context.Context, o options, addr string, conns, before int) (net.Listener, error) {
	if o.listen != "" {
		addr = o.listen
	}
	inner, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	l := &listener{inner: inner, options: o, accepted: make(chan net.Conn), closed: make(chan struct{})}
	l.server = &http.Server{
		Handler:           l,
		TLSConfig:         o.server,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       headerTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          log.Default(),
		ConnState:         upgraded,
	}
	l.serving.Go(func() {
		bounded := strangers.Guard(netutil.LimitListener(inner, conns), before, nil)
		if o.server != nil {
			_ = l.server.ServeTLS(bounded, "", "")
		} else {
			_ = l.server.Serve(bounded)
		}
	})
	return l, nil
}

// ServeHTTP makes a WebSocket of a request for the path.
func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != l.options.path {
		http.NotFound(w, r)
		return
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{protocol}})
	if err != nil {
		return // which Accept has answered
	}
	if ws.Subprotocol() != protocol {
		_ = ws.Close(websocket.StatusPolicyViolation, errNoProtocol.Error())
		return
	}
	conn := newConn(ws, ends{r}, l.options.ping)
	select {
	case l.accepted <- conn:
	case <-l.closed:
		_ = conn.Close()
	}
}

// Accept waits for a connection.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.accepted:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close stops to listen. Connections live on.
func (l *listener) Close() error {
	var err error
	l.closeOnce.Do(func() {
		close(l.closed)
		err = l.server.Close()
		l.serving.Wait()
	})
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Addr is where the listener listens.
func (l *listener) Addr() net.Addr { return l.inner.Addr() }

// Advertise is what others are to dial, if that is another address.
func (l *listener) Advertise() string { return l.options.advertise }

// ends are the two ends of a request's connection.
type ends struct{ request *http.Request }

// LocalAddr is where the request came in.
func (e ends) LocalAddr() net.Addr {
	addr, _ := e.request.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return addr
}

// RemoteAddr is where it came from.
func (e ends) RemoteAddr() net.Addr { return address(e.request.RemoteAddr) }

// An address is a net.Addr in text.
type address string

// Network is of no use to anybody.
func (a address) Network() string { return "websocket" }

func (a address) String() string { return string(a) }
