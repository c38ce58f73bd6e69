package sdk

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/project-iris/iris/plugins/pluginrpc"
)

// A server serves the calls of a node.
type server struct {
	pluginrpc.UnimplementedTransportServer
	transport  Transport
	configured atomic.Bool
	unclaimed  unclaimed
	carrying   sync.WaitGroup // connections
}

func newServer(t Transport) *server {
	return &server{transport: t, unclaimed: unclaimed{conns: map[id]*claim{}}}
}

// Configure takes the options, and listens on the data socket from then on.
func (s *server) Configure(_ context.Context, request *pluginrpc.ConfigureRequest) (*pluginrpc.ConfigureResponse, error) {
	if s.configured.Swap(true) {
		return nil, status.Error(codes.FailedPrecondition, "configured before")
	}
	if err := s.configure(request.GetOptions()); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	data, err := listenData(runtime.GOOS, os.Getenv(pluginrpc.SocketDirKey))
	if err != nil {
		return nil, status.Error(codes.Internal, "data socket: "+err.Error())
	}
	go s.acceptData(data)
	return &pluginrpc.ConfigureResponse{DataNetwork: data.Addr().Network(), DataAddress: data.Addr().String()}, nil
}

func (s *server) configure(options map[string]string) error {
	switch {
	case s.transport.Configure != nil:
		return s.transport.Configure(options)
	case len(options) > 0:
		return errors.New("there are no options")
	}
	return nil
}

// Listen accepts connections until the call ends.
func (s *server) Listen(request *pluginrpc.ListenRequest, calls pluginrpc.Transport_ListenServer) error {
	ctx := calls.Context()
	listener, err := s.transport.Listen(ctx, request.GetAddress())
	if err != nil {
		return listenError(err)
	}
	defer listener.Close()
	defer context.AfterFunc(ctx, func() { _ = listener.Close() })()
	listening := &pluginrpc.Listening{Address: listener.Addr().String()}
	if elsewhere, ok := listener.(Advertiser); ok {
		listening.Advertise = elsewhere.Advertise()
	}
	err = calls.Send(&pluginrpc.ListenResponse{Event: &pluginrpc.ListenResponse_Listening{Listening: listening}})
	for err == nil {
		err = s.acceptOne(listener, calls)
	}
	return listenError(err)
}

// acceptOne tells the node of one connection.
func (s *server) acceptOne(listener net.Listener, calls pluginrpc.Transport_ListenServer) error {
	conn, err := listener.Accept()
	if err != nil {
		return err
	}
	accepted, err := s.unclaimed.add(conn)
	if err != nil {
		return nil // the node has too much to do: this one is closed
	}
	return calls.Send(&pluginrpc.ListenResponse{Event: &pluginrpc.ListenResponse_Accepted{Accepted: accepted}})
}

func listenError(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return status.Error(codes.AlreadyExists, err.Error())
	}
	return status.Error(codes.Unavailable, err.Error())
}

// Dial makes a connection.
func (s *server) Dial(ctx context.Context, request *pluginrpc.DialRequest) (*pluginrpc.Connection, error) {
	conn, err := s.transport.Dial(ctx, request.GetAddress())
	if err != nil {
		return nil, dialError(err)
	}
	dialled, err := s.unclaimed.add(conn)
	if err != nil {
		return nil, status.Error(codes.ResourceExhausted, err.Error())
	}
	return dialled, nil
}

func dialError(err error) error {
	timeout, ok := errors.AsType[net.Error](err)
	if errors.Is(err, os.ErrDeadlineExceeded) || ok && timeout.Timeout() {
		return status.Error(codes.DeadlineExceeded, err.Error())
	}
	return status.Error(codes.Unavailable, err.Error())
}
