package plugins

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/project-iris/iris/plugins/pluginrpc"
)

const (
	// maxText is how much of a plugin's text gets into errors, in bytes.
	maxText = 256
	// maxHeaders is the size of the headers that a plugin may send, in bytes.
	maxHeaders = 16 << 10
	// window is what a plugin may send on a stream before it is read, in bytes; on all of
	// them, four times as much. It is the least that gRPC allows.
	window = 64 << 10
	// brokerMethods begins the methods by which go-plugin lets a plugin call its host.
	// Nothing here needs them, and what they remember has no bound.
	brokerMethods = "/plugin.GRPCBroker/"
)

// A clientPlugin gives the connection to go-plugin's caller.
type clientPlugin struct {
	plugin.NetRPCUnsupportedPlugin
}

// GRPCClient returns the connection, a *grpc.ClientConn.
func (*clientPlugin) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return conn, nil
}

// GRPCServer is for the other side.
func (*clientPlugin) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error { return errors.ErrUnsupported }

// dialOptions bound what a plugin can send.
func dialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(pluginrpc.MaxMessage),
			grpc.MaxCallSendMsgSize(pluginrpc.MaxMessage),
		),
		grpc.WithMaxHeaderListSize(maxHeaders),
		grpc.WithStaticStreamWindowSize(window),
		grpc.WithStaticConnWindowSize(4 * window),
		grpc.WithDisableServiceConfig(),
		grpc.WithChainStreamInterceptor(noBroker),
	}
}

// noBroker refuses the calls of go-plugin's broker.
func noBroker(
	ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string,
	open grpc.Streamer, options ...grpc.CallOption,
) (grpc.ClientStream, error) {
	if strings.HasPrefix(method, brokerMethods) {
		return nil, status.Error(codes.Unimplemented, "not used")
	}
	return open(ctx, desc, conn, method, options...)
}

// callError says what went wrong in a call, in terms of this package where there are some.
func (i *instance) callError(ctx context.Context, what string, err error) error {
	answer := status.Convert(err)
	switch {
	case i.process.exited.Err() != nil:
		return ErrExited
	case context.Cause(ctx) != nil && answer.Code() != codes.InvalidArgument:
		return fmt.Errorf("%w to %s: %w", ErrHangs, what, context.Cause(ctx))
	case answer.Code() == codes.AlreadyExists:
		return fmt.Errorf("%s: %s: %w", what, cut(answer.Message()), syscall.EADDRINUSE)
	case answer.Code() == codes.Unimplemented, answer.Code() == codes.Unavailable && what == "configure":
		return fmt.Errorf("%w: %s", ErrNotPlugin, cut(answer.Message()))
	}
	return fmt.Errorf("%s: %s", what, cut(answer.Message()))
}

// cut makes text of a plugin fit for errors.
func cut(text string) string {
	if len(text) > maxText {
		text = text[:maxText]
	}
	text = strings.ToValidUTF8(text, "")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == utf8.RuneError || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}

// checkAddress refuses what cannot be an address: it goes into lists that are separated by
// commas, to other nodes, and into logs.
func checkAddress(addr string) error {
	printable := func(r rune) bool { return r > ' ' && r < 0x7f && r != ',' }
	switch {
	case addr == "":
		return fmt.Errorf("%w: no address", ErrProtocol)
	case len(addr) > pluginrpc.MaxAddress:
		return fmt.Errorf("%w: address of %d bytes", ErrProtocol, len(addr))
	case strings.ContainsFunc(addr, func(r rune) bool { return !printable(r) }):
		return fmt.Errorf("%w: address %q", ErrProtocol, addr)
	}
	return nil
}
