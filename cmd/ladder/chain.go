package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/project-iris/iris/transport/outbox"
)

// conn is a connection of a chain: of an application, or between the nodes.
type conn interface {
	io.Reader
	io.Writer
	SetWriteDeadline(t time.Time) error
}

// pump carries what comes from one connection to another, until either ends.
type pump func(to, from conn) error

// serveChain is a node that has one application and one link, with a goroutine for each
// direction.
func (p part) serveChain(ctx context.Context, carry pump) error {
	apps, err := net.Listen("tcp", loopback)
	if err != nil {
		return err
	}
	link, err := p.linkAfter(ctx, apps.Addr().String())
	if err != nil {
		return fmt.Errorf("between the nodes: %w", err)
	}
	app, err := apps.Accept()
	if err != nil {
		return err
	}
	ended := make(chan error, 2)
	go func() { ended <- carry(link, app) }()
	go func() { ended <- carry(app, link) }()
	return <-ended // the process ends with it
}

// linkAfter says where the node accepts its application, and returns its link to the other
// node. The first node greets the last one with a byte: a stream is seen with its first.
func (p part) linkAfter(ctx context.Context, apps string) (conn, error) {
	greeting := []byte{1}
	if p.Role == firstNode {
		fmt.Fprintf(os.Stdout, readyLine, apps, "-")
		link, err := p.dial(ctx)
		if err != nil {
			return nil, err
		}
		_, err = link.Write(greeting)
		return link, err
	}
	l, err := p.listen(ctx)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(os.Stdout, readyLine, apps, l.addr)
	link, err := l.accept(ctx)
	if err != nil {
		return nil, err
	}
	_, err = io.ReadFull(link, greeting)
	return link, err
}

// pumpBytes writes what it reads.
func pumpBytes(to, from conn) error {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return err
		}
		if _, err := to.Write(b[:n]); err != nil {
			return err
		}
	}
}

// pumpFrames takes frames in and writes them anew, those that have come together in one write.
func pumpFrames(to, from conn) error {
	var b []byte
	for r := newFrameReader(from); ; {
		id, body, err := r.next()
		if err != nil {
			return err
		}
		if b = appendFrame(b, id, body); r.more() {
			continue
		}
		if _, err := to.Write(b); err != nil {
			return err
		}
		b = b[:0]
	}
}

// queueBytes bounds the queue of pumpQueue.
const queueBytes = 1 << 20

// pumpQueue takes frames in and hands them to another goroutine, which writes them.
func pumpQueue(to, from conn) error {
	out := outbox.New(to, queueBytes, 0)
	written := make(chan error, 1)
	go func() { written <- out.Run() }()
	err := fill(out, newFrameReader(from))
	out.Abort(err)
	return errors.Join(err, <-written)
}

// fill puts frames into a queue.
func fill(out *outbox.Outbox, r *frameReader) error {
	for {
		id, body, err := r.next()
		if err != nil {
			return err
		}
		b, err := out.Prompt.BeginWait(context.Background(), frameHead+len(body))
		if err != nil {
			return err
		}
		out.Commit(appendFrame(b, id, body))
	}
}
