package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"

	"github.com/project-iris/iris/node"
	"github.com/project-iris/iris/transport/identity"
)

// serveNode is a whole node, as the program iris runs it.
func (p part) serveNode(ctx context.Context) error {
	key, err := identity.Load(p.Key)
	if err != nil {
		return err
	}
	config := node.Config{
		Network: networkName, Key: key, Transports: []node.NewTransport{p.newTransport},
		Bind: loopback, Port: node.AnyPort, Logger: slog.New(slog.DiscardHandler),
	}
	if p.Role == firstNode {
		config.Join = []string{p.Peer}
	}
	n, err := node.Start(config)
	if err != nil {
		return err
	}
	defer n.Close()
	fmt.Fprintf(os.Stdout, readyLine, net.JoinHostPort("127.0.0.1", strconv.Itoa(n.Port())), n.PeerAddr())
	<-ctx.Done()
	return nil
}
