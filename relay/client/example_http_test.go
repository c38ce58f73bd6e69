package client_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/project-iris/iris/relay/client"
)

// A handler of HTTP that is found by its name, and a request to it.
func ExampleTransport() {
	config, stop := startNode()
	defer stop()
	ctx, end := context.WithCancel(context.Background())
	defer end()

	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "you asked ", r.Host, " for ", r.URL.Path)
	})
	served := make(chan error, 1)
	go func() { served <- client.ServeHTTP(ctx, "web", handler, config) }()

	conn, err := client.Connect(ctx, config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	web := &http.Client{Transport: client.Transport(conn)}
	answer, err := web.Get("http://web/news") // waits until somebody serves it
	if err != nil {
		fmt.Println(err)
		return
	}
	body, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	fmt.Printf("%s %v\n", body, err)
	end()
	fmt.Println(<-served)
	// Output:
	// you asked web for /news <nil>
	// <nil>
}

// Any server of package net serves a listener: here one of gRPC, with the service that
// tells whether others are well.
func ExampleListen() {
	config, stop := startNode()
	defer stop()
	ctx := context.Background()

	listener, err := client.Listen(ctx, "api", config)
	if err != nil {
		fmt.Println(err)
		return
	}
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	go server.Serve(listener)
	defer server.GracefulStop()

	conn, err := client.Connect(ctx, config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	api, err := grpc.NewClient("passthrough:///api",
		grpc.WithContextDialer(func(ctx context.Context, name string) (net.Conn, error) { return conn.Dial(ctx, name) }),
		grpc.WithTransportCredentials(insecure.NewCredentials())) // between nodes all is encrypted
	if err != nil {
		fmt.Println(err)
		return
	}
	defer api.Close()
	answer, err := grpc_health_v1.NewHealthClient(api).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	fmt.Println(answer.GetStatus(), err)
	// Output: SERVING <nil>
}
