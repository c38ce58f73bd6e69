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
// one in another language would: no go-plugin, no package sdk, and no data socket.
type bare struct {
	pluginrpc.UnimplementedTransportServer
	well *health.Server

	mu    sync.Mutex
	conns map[string]net.Conn
	next  uint64
}

func serveBare() {
	listener, err := net.Listen("unix", filepath.Join(os.Getenv("PLUGIN_UNIX_SOCKET_DIR"), "rpc"))
	if err != nil {
		panic(err)
	}
	server := grpc.NewServer(grpc.UnknownServiceHandler(sayUnknown))
	well := health.NewServer()
	grpc_health_v1.RegisterHealthServer(server, well)
	pluginrpc.RegisterTransportServer(server, &bare{well: well, conns: map[string]net.Conn{}})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = listener.Close()
		os.Exit(0)
	}()
	fmt.Printf("1|1|unix|%s|grpc\n", listener.Addr())
	_ = server.Serve(listener)
	select {}
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

// Configure takes the health to report, which is good without the option.
func (p *bare) Configure(_ context.Context, r *pluginrpc.ConfigureRequest) (*pluginrpc.ConfigureResponse, error) {
	switch r.GetOptions()["health"] {
	case "":
		p.well.SetServingStatus("plugin", grpc_health_v1.HealthCheckResponse_SERVING)
	case "bad":
		p.well.SetServingStatus("plugin", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	case "not known":
	}
	return &pluginrpc.ConfigureResponse{}, nil
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

func (p *bare) Carry(chunks pluginrpc.Transport_CarryServer) error {
	first, err := chunks.Recv()
	if err != nil {
		return err
	}
	p.mu.Lock()
	conn := p.conns[string(first.GetConnection())]
	p.mu.Unlock()
	defer conn.Close()
	go func() {
		for {
			chunk, err := chunks.Recv()
			if err != nil {
				_ = conn.(*net.TCPConn).CloseWrite()
				return
			}
			_, _ = conn.Write(chunk.GetData())
		}
	}()
	for {
		b := make([]byte, 64<<10)
		n, err := conn.Read(b)
		if sent := chunks.Send(&pluginrpc.Chunk{Data: b[:n], End: err != nil}); sent != nil || err != nil {
			return sent
		}
	}
}
