package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/project-iris/iris/relay/client"
)

// A service answers requests, and somebody asks it.
func Example() {
	config, stop := startNode()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()

	service, err := client.Register(ctx, "greeter", client.Service{
		Request: func(_ context.Context, name []byte) ([]byte, error) {
			return fmt.Appendf(nil, "Hello, %s!", name), nil
		},
	}, config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer service.Close()

	conn, err := client.Connect(ctx, config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	reply, err := conn.Request(ctx, "greeter", []byte("world"))
	fmt.Printf("%s %v\n", reply, err)
	// Output: Hello, world! <nil>
}

// What can come of a request.
func ExampleConn_Request_errors() {
	config, stop := startNode()
	defer stop()
	ctx := context.Background()

	conn, err := client.Register(ctx, "picky", client.Service{
		Request: func(context.Context, []byte) ([]byte, error) {
			return nil, errors.New("not today")
		},
	}, config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()

	_, err = conn.Request(ctx, "picky", nil)
	if fault, ok := errors.AsType[*client.FaultError](err); ok {
		fmt.Println("the service says:", fault.Text)
	}

	soon, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	_, err = conn.Request(soon, "nobody", nil)
	fmt.Println(err, errors.Is(err, client.ErrTimeout), errors.Is(err, context.DeadlineExceeded))
	// Output:
	// the service says: not today
	// request to "nobody": timed out true true
}

// Every member of a cluster gets a broadcast.
func ExampleConn_Broadcast() {
	config, stop := startNode()
	defer stop()
	ctx := context.Background()

	heard := make(chan string)
	for range 2 {
		member, err := client.Register(ctx, "workers", client.Service{
			Broadcast: func(message []byte) { heard <- string(message) },
		}, config)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer member.Close()
	}

	conn, err := client.Connect(ctx, config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	if err := conn.Broadcast(ctx, "workers", []byte("reload")); err != nil {
		fmt.Println(err)
	}
	fmt.Println(<-heard)
	fmt.Println(<-heard)
	// Output:
	// reload
	// reload
}

// Events reach every subscriber of their topic, in order.
func ExampleConn_Subscribe() {
	config, stop := startNode()
	defer stop()
	ctx := context.Background()

	conn, err := client.Connect(ctx, config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	events := make(chan string)
	subscription, err := conn.Subscribe(ctx, "weather", func(event []byte) { events <- string(event) })
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, event := range []string{"rain", "sun"} {
		if err := conn.Publish(ctx, "weather", []byte(event)); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(<-events)
	fmt.Println(<-events)
	subscription.Unsubscribe()
	// Output:
	// rain
	// sun
}

// A tunnel carries messages to one member of a cluster, and back.
func ExampleConn_Tunnel() {
	config, stop := startNode()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()

	service, err := client.Register(ctx, "counter", client.Service{
		Tunnel: func(t *client.Tunnel) {
			for {
				message, err := t.Receive(ctx)
				if err != nil {
					return // io.EOF: the other side has closed
				}
				_ = t.Send(ctx, fmt.Appendf(nil, "%d bytes", len(message)))
			}
		},
	}, config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer service.Close()

	tunnel, err := service.Tunnel(ctx, "counter")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, size := range []int{1, 10_000_000} {
		if err := tunnel.Send(ctx, make([]byte, size)); err != nil {
			fmt.Println(err)
		}
		reply, err := tunnel.Receive(ctx)
		fmt.Printf("%s %v\n", reply, err)
	}
	fmt.Println(tunnel.Close())
	// Output:
	// 1 bytes <nil>
	// 10000000 bytes <nil>
	// <nil>
}

// A tunnel is a stream of bytes, too.
func ExampleTunnel_Write() {
	config, stop := startNode()
	defer stop()
	ctx := context.Background()

	received := make(chan string)
	conn, err := client.Register(ctx, "sink", client.Service{
		Tunnel: func(t *client.Tunnel) {
			all, err := io.ReadAll(t)
			received <- fmt.Sprintf("%s %v", all, err)
		},
	}, config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()

	tunnel, err := conn.Tunnel(ctx, "sink")
	if err != nil {
		fmt.Println(err)
		return
	}
	n, err := io.Copy(tunnel, strings.NewReader("a file, say"))
	fmt.Println(n, err, tunnel.Close())
	fmt.Println(<-received)
	// Output:
	// 11 <nil> <nil>
	// a file, say <nil>
}

// A stream is a connection of package net to a service, by its name.
func ExampleConn_Dial() {
	config, stop := startNode()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()

	listener, err := client.Listen(ctx, "upper", config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer listener.Close()
	go func() {
		stream, err := listener.Accept()
		if err != nil {
			return
		}
		defer stream.Close()
		all, err := io.ReadAll(stream) // until the other side ends its writing
		if err == nil {
			fmt.Fprint(stream, strings.ToUpper(string(all)))
		}
	}()

	conn, err := client.Connect(ctx, config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	stream, err := conn.Dial(ctx, "upper")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stream.Close()
	fmt.Fprint(stream, "hello, ")
	fmt.Fprint(stream, "world")
	fmt.Println(stream.CloseWrite())
	all, err := io.ReadAll(stream)
	fmt.Println(string(all), err, stream.RemoteAddr())
	// Output:
	// <nil>
	// HELLO, WORLD <nil> upper
}
