package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 16 << 10 // bytes
	// spareConnections are those beyond calls and subscriptions: idle ones, and those of
	// callers that are about to be refused.
	spareConnections = 64
)

// Serve serves a listener until the context ends. Then subscriptions end, and what is under way
// may take the limit to end; the error says if it did not.
func (g *Gateway) Serve(ctx context.Context, l net.Listener, limit time.Duration) error {
	server := &http.Server{
		Handler:           g,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(g.config.Logger.Handler(), slog.LevelDebug),
	}
	server.RegisterOnShutdown(g.stop)
	served := make(chan error, 1)
	go func() {
		served <- server.Serve(netutil.LimitListener(l, g.config.Calls+g.config.Streams+spareConnections))
	}()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	err := server.Shutdown(ctx)
	if err != nil {
		_ = server.Close()
		err = errors.New("calls were under way at the end, and are cut off")
	}
	<-served
	return err
}
