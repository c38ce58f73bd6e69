package relay_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/project-iris/iris/relay"
)

// stuckMesh is a network that never attaches anybody.
type stuckMesh struct {
	relay.Mesh
	free chan struct{}
}

func (m stuckMesh) Attach(name []byte, app relay.Application) (relay.Member, error) {
	<-m.free
	return m.Mesh.Attach(name, app)
}

func TestProbe(t *testing.T) {
	free := make(chan struct{})
	close(free)
	for _, row := range []struct {
		name string
		mesh func(relay.Mesh) relay.Mesh
		want string
	}{
		{"a relay that works", func(m relay.Mesh) relay.Mesh { return stuckMesh{m, free} }, ""},
		{"a relay that is stuck", func(m relay.Mesh) relay.Mesh { return stuckMesh{m, make(chan struct{})} }, "the relay does not answer applications"},
	} {
		t.Run(row.name, func(t *testing.T) {
			mesh := row.mesh(&fakeMesh{})
			r := relay.New(relay.Config{Mesh: mesh})
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan error, 1)
			go func() { served <- r.Serve(l) }()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if row.want != "" { // it does not come back before this ends
				ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
			}
			err = relay.Probe(ctx, l.Addr().String())
			cancel()
			if row.want == "" && err != nil || row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)) {
				t.Errorf("%v; want %q", err, row.want)
			}
			if stuck := mesh.(stuckMesh); row.want != "" {
				close(stuck.free)
			}
			r.Close(t.Context())
			<-served
			if err := relay.Probe(t.Context(), l.Addr().String()); err == nil {
				t.Error("a relay that has ended is alive")
			}
		})
	}
}
