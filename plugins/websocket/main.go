// Command websocket is a transport plugin: it carries links between nodes over WebSocket
// (RFC 6455), through firewalls and proxies that let only HTTP pass.
//
// The links have their own TLS. The one of wss:// is for the middle-boxes, and protects
// nothing that is not protected without it.
//
// A direction of a connection ends with an empty message, as WebSocket itself cannot end
// only one. All other messages are bytes to forward, however they are cut.
//
// docs/plugins.md has the options.
package main

import (
	"context"
	"net"

	"github.com/project-iris/iris/plugins/sdk"
)

func main() {
	var o options
	sdk.Serve(sdk.Transport{
		Configure: func(given map[string]string) (err error) {
			o, err = parseOptions(given)
			return err
		},
		Dial:   func(ctx context.Context, addr string) (net.Conn, error) { return dial(ctx, o, addr) },
		Listen: func(ctx context.Context, addr string) (net.Listener, error) { return listen(ctx, o, addr) },
	})
}
