package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/project-iris/iris/relay/client"
)

// request asks a member of a cluster.
func (g *Gateway) request(w http.ResponseWriter, r *http.Request, name string) *refusal {
	timeout, refused := g.timeout(r.Header.Get("Iris-Timeout"))
	if refused != nil {
		return refused
	}
	var reply []byte
	refused = g.send(w, r, timeout, func(ctx context.Context, body []byte) (err error) {
		reply, err = g.conn.Request(ctx, name, body)
		return err
	})
	if refused != nil {
		return refused
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(reply) // who is gone learns nothing more
	return nil
}

// timeout reads an Iris-Timeout.
func (g *Gateway) timeout(text string) (time.Duration, *refusal) {
	if text == "" {
		return g.config.Timeout, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > maxTimeout {
		return 0, refuse(ReasonInput, "Iris-Timeout: %.40q is no time up to %v, such as 500ms or 5s", text, maxTimeout)
	}
	return d, nil
}

// broadcast sends a message to all members of a cluster.
func (g *Gateway) broadcast(w http.ResponseWriter, r *http.Request, name string) *refusal {
	return g.spread(w, r, func(ctx context.Context, body []byte) error { return g.conn.Broadcast(ctx, name, body) })
}

// publish sends an event to all subscribers of a topic.
func (g *Gateway) publish(w http.ResponseWriter, r *http.Request, name string) *refusal {
	return g.spread(w, r, func(ctx context.Context, body []byte) error { return g.conn.Publish(ctx, name, body) })
}

// spread sends what has no answer. It is said to be accepted: nobody knows whom it reaches.
func (g *Gateway) spread(w http.ResponseWriter, r *http.Request, send func(ctx context.Context, body []byte) error) *refusal {
	refused := g.send(w, r, g.config.Timeout, send)
	if refused == nil {
		w.WriteHeader(http.StatusAccepted)
	}
	return refused
}

// send reads the body and sends it, unless too much is under way.
func (g *Gateway) send(w http.ResponseWriter, r *http.Request, timeout time.Duration, send func(ctx context.Context, body []byte) error) *refusal {
	select {
	case g.calls <- struct{}{}:
		defer func() { <-g.calls }()
	default:
		return refuse(ReasonBusy, "%d calls are under way, which is as many as there may be", g.config.Calls)
	}
	body, refused := g.body(w, r)
	if refused != nil {
		return refused
	}
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	err := send(ctx, body)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(g.config.Stall))
	return failure(err, timeout)
}

// body reads the whole body.
func (g *Gateway) body(w http.ResponseWriter, r *http.Request) ([]byte, *refusal) {
	limit := int64(g.config.MaxBody)
	tooLarge := refuse(ReasonTooLarge, "the body has more than %d bytes, which is the limit", limit)
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close") // or what is left of it would have to be read
		return nil, tooLarge
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(g.config.Stall))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	_ = control.SetReadDeadline(time.Time{})
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return body, nil
	case errors.As(err, &large):
		return nil, tooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.Header().Set("Connection", "close")
		late := refuse(ReasonIncomplete, "the body has not come within %v", g.config.Stall)
		late.status = http.StatusRequestTimeout
		return nil, late
	}
	return nil, refuse(ReasonIncomplete, "the body has not come whole: %v", err)
}

// failure says to a caller why something could not be done; nil if it was.
func failure(err error, timeout time.Duration) *refusal {
	var fault *client.FaultError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &fault):
		return refuse(ReasonFault, "%s", fault.Text)
	case errors.Is(err, client.ErrTimeout):
		return refuse(ReasonTimeout, "no answer in %v: is a member attached? allow more with Iris-Timeout", timeout)
	case errors.Is(err, context.Canceled):
		return refuse(ReasonCancelled, "the caller has gone")
	case errors.Is(err, client.ErrNotSent):
		return refuse(ReasonNotSent, "nothing was sent, as the node of this host is away: try again")
	case errors.Is(err, client.ErrMayHaveRun):
		return refuse(ReasonMayHaveRun, "the node of this host was lost before the answer came: the request may have run")
	case errors.Is(err, client.ErrTooLarge):
		return refuse(ReasonInput, "%v", err)
	}
	return refuse(ReasonInternal, "%v", err)
}
