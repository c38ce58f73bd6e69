package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/project-iris/iris/cmd/internal/tool"
)

// partCommand is the argument, before a part as JSON, with which this program runs one of the
// processes of a chain.
const partCommand = "part"

// role is the place of a process in a chain.
type role string

// The roles.
const (
	asker     role = "asker"      // the application that asks
	firstNode role = "first node" // its node, which links to the second one
	lastNode  role = "last node"  // the node of the echo
	echo      role = "echo"       // the application that answers
)

// part is what a process of a chain does.
type part struct {
	Role      role
	Layer     layer
	Transport string
	Key       string        // of nodes: the file of the network's key
	Peer      string        // of the first node: where the other one accepts links
	Node      string        // of applications: where their node accepts them
	Size      int           // of the asker: bytes of a request
	Duration  time.Duration // of the asker: how long it measures
}

// readyLine is what a node says when it accepts the application and, if it is the last one,
// the link of the other.
const readyLine = "ready app=%s peer=%s\n"

// runPart runs a process of a chain until the others end it.
func runPart(ctx context.Context, description string) error {
	var p part
	if err := json.Unmarshal([]byte(description), &p); err != nil {
		return fmt.Errorf("%w: %w", tool.ErrUsage, err)
	}
	err := p.run(ctx)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (p part) run(ctx context.Context) error {
	switch p.Role {
	case asker:
		return p.ask(ctx)
	case echo:
		return p.echo(ctx)
	case firstNode, lastNode:
		return p.serve(ctx)
	}
	return fmt.Errorf("%w: there is no role %q", tool.ErrUsage, p.Role)
}

// serve is a node.
func (p part) serve(ctx context.Context) error {
	switch p.Layer {
	case plain:
		return p.serveChain(ctx, pumpBytes)
	case frames, security, multiplexer:
		return p.serveChain(ctx, pumpFrames)
	case queue:
		return p.serveChain(ctx, pumpQueue)
	case mesh:
		return p.serveOverlay(ctx)
	case relaying, binding:
		return p.serveNode(ctx)
	}
	return fmt.Errorf("%w: there is no layer %q", tool.ErrUsage, p.Layer)
}
