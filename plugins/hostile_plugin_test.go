package plugins_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/project-iris/iris/plugins/pluginrpc"
)

// A hostile is a plugin that does what its option "mode" says.
type hostile struct {
	plugin.NetRPCUnsupportedPlugin
	pluginrpc.UnimplementedTransportServer
	mode string
}

func serveHostile() {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		if filepath.Base(os.Args[0]) != deafName {
			os.Exit(0)
		}
	}()
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion: pluginrpc.Version, MagicCookieKey: pluginrpc.CookieKey, MagicCookieValue: pluginrpc.CookieValue,
		},
		Plugins:    plugin.PluginSet{pluginrpc.Name: &hostile{}},
		GRPCServer: plugin.DefaultGRPCServer,
	})
	os.Exit(0)
}

func (h *hostile) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	pluginrpc.RegisterTransportServer(s, h)
	return nil
}

func (h *hostile) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

func (h *hostile) Configure(_ context.Context, r *pluginrpc.ConfigureRequest) (*pluginrpc.ConfigureResponse, error) {
	h.mode = r.GetOptions()["mode"]
	switch h.mode {
	case "floods the log":
		go flood(os.NewFile(2, "stderr"))
		go flood(os.Stderr) // which go-plugin carries
	case "floods standard output":
		go flood(os.NewFile(1, "stdout"))
		go flood(os.Stdout)
	}
	if elsewhere := dataSockets[h.mode]; elsewhere != nil {
		return elsewhere, nil
	}
	data := listenUnix("bytes")
	if h.mode == "does not listen for bytes" {
		_ = data.Close()
	}
	go acceptData(data, h.carry)
	return answerConfigure(data), nil
}

// dataSockets are what Configure says, by mode.
var dataSockets = map[string]*pluginrpc.ConfigureResponse{
	"has no data socket":               {},
	"has somebody else's data socket":  {DataNetwork: "unix", DataAddress: "/run/docker.sock"},
	"has a data socket on the network": {DataNetwork: "tcp", DataAddress: "203.0.113.1:9"},
	"has a huge data socket":           {DataNetwork: "unix", DataAddress: strings.Repeat("x", 100_000)},
}

func flood(w io.Writer) {
	line := bytes.Repeat([]byte("all work and no play\n"), 1000)
	for {
		_, _ = w.Write(line)
	}
}

// addresses are what Listen says, by mode.
var addresses = map[string]*pluginrpc.Listening{
	"smuggles an address": {Address: "127.0.0.1:9", Advertise: "127.0.0.1:9,quic://203.0.113.1:443"},
	"has a long address":  {Address: "127.0.0.1:9", Advertise: strings.Repeat("x", 100_000)},
	"has a huge address":  {Address: strings.Repeat("x", 1<<20)},
	"has no address":      {},
	"has a line break":    {Address: "127.0.0.1:9", Advertise: "127.0.0.1:9\nready"},
	"has no port":         {Address: "everywhere"},
}

func (h *hostile) Listen(_ *pluginrpc.ListenRequest, calls pluginrpc.Transport_ListenServer) error {
	where := addresses[h.mode]
	if where == nil {
		where = &pluginrpc.Listening{Address: "127.0.0.1:9"}
	}
	if h.mode == "moves" {
		where = &pluginrpc.Listening{Address: fmt.Sprintf("127.0.0.1:%d", os.Getpid()%(1<<16))}
	}
	if h.mode == "does not say where" {
		return calls.Send(h.connection())
	}
	if err := calls.Send(&pluginrpc.ListenResponse{Event: &pluginrpc.ListenResponse_Listening{Listening: where}}); err != nil {
		return err
	}
	for h.mode == "floods connections" {
		if err := calls.Send(h.connection()); err != nil {
			return err
		}
	}
	if h.mode == "accepts without an id" {
		_ = calls.Send(&pluginrpc.ListenResponse{Event: &pluginrpc.ListenResponse_Accepted{Accepted: &pluginrpc.Connection{}}})
	}
	<-calls.Context().Done()
	return nil
}

func (h *hostile) connection() *pluginrpc.ListenResponse {
	id := make([]byte, pluginrpc.IDSize)
	_, _ = rand.Read(id)
	return &pluginrpc.ListenResponse{Event: &pluginrpc.ListenResponse_Accepted{Accepted: &pluginrpc.Connection{Id: id}}}
}

func (h *hostile) Dial(ctx context.Context, _ *pluginrpc.DialRequest) (*pluginrpc.Connection, error) {
	switch h.mode {
	case "exits":
		os.Exit(3)
	case "never dials":
		<-ctx.Done()
		return nil, ctx.Err()
	case "complains at length":
		return nil, &net.OpError{Op: strings.Repeat("wolf! ", 1000), Err: os.ErrInvalid}
	case "names ends at length":
		return &pluginrpc.Connection{Id: make([]byte, pluginrpc.IDSize), RemoteAddress: strings.Repeat("x", 1000)}, nil
	}
	return &pluginrpc.Connection{Id: make([]byte, pluginrpc.IDSize)}, nil
}

// carry plays the peer: one that says nothing, half of what it should, or no end of bytes that are no TLS.
func (h *hostile) carry(_ string, node *net.UnixConn) {
	switch h.mode {
	case "exits before the first byte":
		os.Exit(3)
	case "exits after half a record":
		_, _ = node.Write([]byte{22, 3, 3})
		os.Exit(3)
	case "writes no more":
		_ = node.CloseWrite()
		fallthrough
	case "carries nothing":
		_, _ = io.Copy(io.Discard, node)
		return
	case "reads no more":
		_ = node.CloseRead()
		_, _ = node.Read(make([]byte, 1)) // as long as the node has it open
		select {}
	}
	for {
		if _, err := node.Write(make([]byte, 1<<10)); err != nil {
			return
		}
	}
}
