package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Transport returns an [http.RoundTripper] for http://NAME/…, where the name is that of a
// cluster whose members serve HTTP: with [ServeHTTP], or with any server on a [Listener] or behind
// iris expose. Each request goes over a stream to a member; streams are kept and used
// again, which makes a request as quick as it can be, and leaves it with a member that was
// chosen before. The fields may be changed before the first request, but for those that dial.
//
// A name that no URL can have as its host cannot be reached in this way. A port in the URL
// is an error, as names have none. https:// speaks TLS to a member that does. When the
// connection has ended, requests fail with [ErrClosed].
func Transport(c *Conn) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			name, err := nameOf(address)
			if err != nil {
				return nil, err
			}
			return c.Dial(ctx, name)
		},
		MaxIdleConns:          256,
		MaxIdleConnsPerHost:   64, // streams to one cluster, whose members are many
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
}

// nameOf returns the name that stands in a URL, of the address that package http makes of
// it.
func nameOf(address string) (string, error) {
	name, port, err := net.SplitHostPort(address)
	switch {
	case err != nil:
		return "", err
	case port != "80" && port != "443": // which package http has added
		return "", fmt.Errorf("http to cluster %q: it has port %s, but clusters have no ports", name, port)
	}
	return name, nil
}

// ServeHTTP serves HTTP as a member of a cluster until the context ends. Then it leaves the
// cluster, lets the requests end that it has, as [http.Server.Shutdown] does, and returns nil.
// After [Config].CloseTimeout it cuts off what is left, and returns [ErrTimeout].
//
// Other errors are those of [Listen] and of [Listener.Accept]. Whoever needs more of a server
// has its own serve a [Listener].
func ServeHTTP(ctx context.Context, cluster string, handler http.Handler, config Config) error {
	l, err := Listen(ctx, cluster, config)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: l.conn.config.Timeout}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err = <-served: // the node is gone
		_ = server.Close()
		return err
	case <-ctx.Done():
	}
	err = shutDown(server, l)
	<-served
	return err
}

// shutDown ends a server: nobody is sent to it first.
func shutDown(server *http.Server, l *Listener) error {
	ctx, cancel := context.WithTimeout(context.Background(), l.conn.config.CloseTimeout)
	defer cancel()
	left := l.Leave(ctx)
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		_ = server.Close()
		err = fmt.Errorf("%w: requests were cut off", ErrTimeout)
	}
	_ = l.conn.Close() // the streams that are left are those of nobody
	return errors.Join(left, err)
}
