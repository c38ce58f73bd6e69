package node_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/project-iris/iris/node"
	"github.com/project-iris/iris/transport"
	"github.com/project-iris/iris/transport/identity"
	"github.com/project-iris/iris/transport/mem"
)

// fragile is a transport whose listener can be broken, and then cannot be opened again
// until it is mended.
type fragile struct {
	*mem.Transport
	broken atomic.Bool
	failed chan error // holds what Accept fails with
}

var errFragile = errors.New("no socket is left")

func (f *fragile) Listen(ctx context.Context, addr string) (transport.Listener, error) {
	if f.broken.Load() {
		return nil, errFragile
	}
	l, err := f.Transport.Listen(ctx, addr)
	return fragileListener{l, f.failed}, err
}

type fragileListener struct {
	transport.Listener
	failed chan error
}

func (l fragileListener) Accept(ctx context.Context) (transport.Link, error) {
	select {
	case err := <-l.failed:
		return nil, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestANodeThatDoesNotListenIsNotReady breaks the listener of its only transport.
func TestANodeThatDoesNotListenIsNotReady(t *testing.T) {
	made := &fragile{failed: make(chan error, 1)}
	n, err := node.Start(node.Config{
		Network: "ready", Key: identity.Generate(), Port: node.AnyPort, Admin: "127.0.0.1:0", Bind: "a:1",
		Transports: []node.NewTransport{func(id *identity.Identity, versions transport.Versions, _ *slog.Logger) (transport.Transport, error) {
			made.Transport = mem.NewNetwork(mem.Config{Versions: versions}).Node(id.ID())
			return made, nil
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	awaitReadiness(t, n, http.StatusOK, "ready")
	made.broken.Store(true)
	made.failed <- errors.New("the socket has died")
	awaitReadiness(t, n, http.StatusServiceUnavailable, "over mem at a:1: "+errFragile.Error())
	if code, _ := ask(t, n, "/healthz"); code != http.StatusOK {
		t.Errorf("healthz: %d", code)
	}
	made.broken.Store(false)
	awaitReadiness(t, n, http.StatusOK, "ready")
}

func awaitReadiness(t *testing.T, n *node.Node, code int, text string) {
	t.Helper()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for limit := time.After(30 * time.Second); ; {
		gotCode, got := ask(t, n, "/readyz")
		if gotCode == code && strings.Contains(got, text) {
			return
		}
		select {
		case <-look.C:
		case <-limit:
			t.Fatalf("readyz says %d %s, want %d %s", gotCode, got, code, text)
		}
	}
}

func ask(t *testing.T, n *node.Node, path string) (code int, body string) {
	t.Helper()
	response, err := http.Get("http://" + n.AdminAddr() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}
