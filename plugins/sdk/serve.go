package sdk

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/project-iris/iris/plugins/pluginrpc"
)

// farewellTime is how long the connections of a node that has gone may take to end: what
// the node said last is still on its way to its peers.
const farewellTime = time.Second

// Serve serves a node until it closes the standard input of the process, or dies, which
// does the same. It does not return.
func Serve(t Transport) {
	s := newServer(t)
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion:  pluginrpc.Version,
			MagicCookieKey:   pluginrpc.CookieKey,
			MagicCookieValue: pluginrpc.CookieValue,
		},
		Plugins:    plugin.PluginSet{pluginrpc.Name: &service{server: s}},
		GRPCServer: newGRPCServer,
		Logger:     hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: os.Stderr}),
	})
	os.Exit(0)
}

func newGRPCServer(options []grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append(
		options,
		grpc.MaxRecvMsgSize(pluginrpc.MaxMessage),
	)...)
}

// A service is the server as go-plugin wants it.
type service struct {
	plugin.NetRPCUnsupportedPlugin
	server *server
}

// GRPCServer registers the service. By now it is certain that a node has started us.
func (s *service) GRPCServer(_ *plugin.GRPCBroker, registry *grpc.Server) error {
	pluginrpc.RegisterTransportServer(registry, s.server)
	go s.server.endWith(os.Stdin)
	return nil
}

// GRPCClient is for the other side.
func (s *service) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.ErrUnsupported
}

// endWith ends the process when the node closes its end of the pipe, or is gone.
func (s *server) endWith(stdin io.Reader) {
	_, _ = io.Copy(io.Discard, stdin)
	over := make(chan struct{})
	go func() {
		s.carrying.Wait()
		close(over)
	}()
	select {
	case <-over:
	case <-time.After(farewellTime):
	}
	removeSockets(os.Getenv(pluginrpc.SocketDirKey))
	os.Exit(0)
}

// removeSockets removes the sockets of a directory, and then the directory. The node does
// that too, if it lives.
func removeSockets(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if entry.Type()&os.ModeSocket != 0 {
			_ = os.Remove(filepath.Join(dir, entry.Name()))
		}
	}
	_ = os.Remove(dir)
}
