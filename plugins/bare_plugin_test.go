package plugins_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/project-iris/iris/plugins/pluginrpc"
)

// A bare is a plugin for TCP that uses nothing but gRPC and what docs/plugins.md says, as
// one in another language would: no go-plugin, and no package sdk.
type bare struct {
	pluginrpc.UnimplementedTransportServer
	well *health.Server
	data net.Listener

	half string // of the node's sockets that is closed after some bytes: "read" or "write"

	mu    sync.Mutex
	conns map[string]net.Conn
	next  uint64
}

func serveBare() {
	listener := listenUnix("rpc")
	server := grpc.NewServer(grpc.UnknownServiceHandler(sayUnknown))
	well := health.NewServer()
	grpc_health_v1.RegisterHealthServer(server, well)
	plugin := &bare{well: well, data: listenUnix("bytes"), conns: map[string]net.Conn{}}
	pluginrpc.RegisterTransportServer(server, plugin)
	go acceptData(plugin.data, plugin.carry)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = listener.Close()
		os.Exit(0)
	}()
	fmt.Printf("1|2|unix|%s|grpc\n", listener.Addr())
	_ = server.Serve(listener)
	select {}
}

// listenUnix listens in the directory for sockets.
func listenUnix(name string) net.Listener {
	listener, err := net.Listen("unix", filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), name))
	if err != nil {
		panic(err)
	}
	return listener
}

// acceptData accepts the node's sockets, each with the id that it begins with.
func acceptData(data net.Listener, carry func(id string, node *net.UnixConn)) {
	for {
		node, err := data.Accept()
		if err != nil {
			return
		}
		go func() {
			id := make([]byte, 16)
			if _, err := io.ReadFull(node, id); err == nil {
				carry(string(id), node.(*net.UnixConn))
			}
		}()
	}
}

func answerConfigure(data net.Listener) *pluginrpc.ConfigureResponse {
	return &pluginrpc.ConfigureResponse{DataNetwork: data.Addr().Network(), DataAddress: data.Addr().String()}
}

// sayUnknown writes down which methods a node tries in vain.
func sayUnknown(_ any, call grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(call)
	fmt.Fprintln(os.Stderr, "unknown method", method)
	return status.Error(codes.Unimplemented, "not known")
}

// hold names a connection. This one's ids can be guessed; nobody else is in a test.
func (p *bare) hold(conn net.Conn) *pluginrpc.Connection {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next++
	id := fmt.Sprintf("%016d", p.next)
	p.conns[id] = conn
	return &pluginrpc.Connection{Id: []byte(id), RemoteAddress: conn.RemoteAddr().String()}
}

// Configure takes the health to report, which is good without the option, and which half of sockets to close.
func (p *bare) Configure(_ context.Context, r *pluginrpc.ConfigureRequest) (*pluginrpc.ConfigureResponse, error) {
	switch r.GetOptions()["health"] {
	case "":
		p.well.SetServingStatus("plugin", grpc_health_v1.HealthCheckResponse_SERVING)
	case "bad":
		p.well.SetServingStatus("plugin", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	case "not known":
	}
	p.half = r.GetOptions()["half"]
	return answerConfigure(p.data), nil
}

func (p *bare) Dial(_ context.Context, r *pluginrpc.DialRequest) (*pluginrpc.Connection, error) {
	conn, err := net.Dial("tcp", r.GetAddress())
	if err != nil {
		return nil, err
	}
	return p.hold(conn), nil
}

func (p *bare) Listen(r *pluginrpc.ListenRequest, calls pluginrpc.Transport_ListenServer) error {
	listener, err := net.Listen("tcp", r.GetAddress())
	if err != nil {
		return err
	}
	defer listener.Close()
	defer context.AfterFunc(calls.Context(), func() { _ = listener.Close() })()
	where := &pluginrpc.Listening{Address: listener.Addr().String()}
	if err := calls.Send(&pluginrpc.ListenResponse{Event: &pluginrpc.ListenResponse_Listening{Listening: where}}); err != nil {
		return err
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		if err := calls.Send(&pluginrpc.ListenResponse{Event: &pluginrpc.ListenResponse_Accepted{Accepted: p.hold(conn)}}); err != nil {
			return err
		}
	}
}

// carry copies the bytes of a connection both ways.
func (p *bare) carry(id string, node *net.UnixConn) {
	p.mu.Lock()
	conn := p.conns[id].(*net.TCPConn)
	p.mu.Unlock()
	defer conn.Close()
	defer node.Close()
	go func() {
		if p.half != "" {
			_, _ = io.CopyN(conn, node, 64<<10)
		}
		switch p.half {
		case "read":
			_ = node.CloseRead()
			return
		case "write":
			_ = node.CloseWrite()
		}
		_, _ = io.Copy(conn, node)
		_ = conn.CloseWrite()
	}()
	_, _ = io.Copy(node, conn)
}
