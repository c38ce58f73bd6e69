package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/project-iris/iris/relay/client"
	"github.com/project-iris/iris/relay/wire"
)

// errUnexpected says that a node says something that it was not asked for.
var errUnexpected = errors.New("the node says")

// attachRelay attaches an application that reads and writes the relay protocol itself.
func attachRelay(addr, serves string) (net.Conn, *wire.Reader, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, nil, err
	}
	r := wire.NewReader(c, wire.FromRelay, wire.Limits{})
	hello := wire.Init{Version: []byte(wire.Version), Cluster: []byte(serves)}
	if _, err := c.Write(hello.Append(nil)); err != nil {
		return nil, nil, err
	}
	answer, err := r.Read()
	if err != nil {
		return nil, nil, err
	}
	if _, ok := answer.(*wire.Accept); !ok {
		return nil, nil, fmt.Errorf("%w %s", errUnexpected, answer.Op())
	}
	return c, r, nil
}

// askRelay asks by the relay protocol, without a goroutine.
func askRelay(addr string) (exchange, error) {
	c, r, err := attachRelay(addr, "")
	if err != nil {
		return nil, err
	}
	request := wire.Request{Cluster: []byte(cluster), Timeout: uint64(patience.Milliseconds())}
	var frame []byte
	return func(body []byte) ([]byte, error) {
		request.ID++
		request.Body = body
		frame = request.Append(frame[:0])
		if _, err := c.Write(frame); err != nil {
			return nil, err
		}
		m, err := r.Read()
		if err != nil {
			return nil, err
		}
		result, ok := m.(*wire.Result)
		if !ok || !result.OK || result.ID != request.ID {
			return nil, fmt.Errorf("%w %s, %+v", errUnexpected, m.Op(), m)
		}
		return result.Body, nil
	}, nil
}

// echoRelay answers by the relay protocol, without another goroutine.
func echoRelay(addr string) error {
	c, r, err := attachRelay(addr, cluster)
	if err != nil {
		return err
	}
	fmt.Fprint(os.Stdout, attachedLine)
	return answer(c, r)
}

// answer echoes requests.
func answer(to io.Writer, r *wire.Reader) error {
	var frame []byte
	for {
		m, err := r.Read()
		if err != nil {
			return err
		}
		call, ok := m.(*wire.Call)
		if !ok {
			return fmt.Errorf("%w %s", errUnexpected, m.Op())
		}
		reply := wire.Reply{ID: call.ID, OK: true, Body: call.Body}
		frame = reply.Append(frame[:0])
		if _, err := to.Write(frame); err != nil {
			return err
		}
	}
}

// askBinding asks by the binding.
func askBinding(ctx context.Context, addr string) (exchange, error) {
	c, err := client.Connect(ctx, client.Config{Address: addr})
	if err != nil {
		return nil, err
	}
	return func(body []byte) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		return c.Request(ctx, cluster, body)
	}, nil
}

// echoBinding answers by the binding.
func echoBinding(ctx context.Context, addr string) error {
	c, err := client.Register(ctx, cluster, client.Service{
		Request: func(_ context.Context, body []byte) ([]byte, error) { return body, nil },
	}, client.Config{Address: addr})
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Fprint(os.Stdout, attachedLine)
	<-ctx.Done()
	return nil
}
