package client_test

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/project-iris/iris/relay/client"
)

// Order and Receipt are what a shop and its customers say to each other.
type (
	Order   struct{ Item string }
	Receipt struct {
		Item  string
		Cents int
	}
)

func price(_ context.Context, o Order) (Receipt, error) {
	return Receipt{Item: o.Item, Cents: 100 * len(o.Item)}, nil
}

// Values travel as JSON.
func ExampleCall() {
	config, stop := startNode()
	defer stop()
	ctx := context.Background()
	conn, err := client.Register(ctx, "shop", client.Service{Request: client.Answer(client.JSON, price)}, config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	receipt, err := client.Call[Order, Receipt](ctx, conn, client.JSON, "shop", Order{Item: "tea"})
	fmt.Println(receipt.Cents, err)
	// Output: 300 <nil>
}

// Any encoder does. This one is encoding/gob's.
func ExampleCodec() {
	codec := client.Codec{
		Marshal: func(value any) ([]byte, error) {
			var b bytes.Buffer
			err := gob.NewEncoder(&b).Encode(value)
			return b.Bytes(), err
		},
		Unmarshal: func(body []byte, value any) error {
			return gob.NewDecoder(bytes.NewReader(body)).Decode(value)
		},
	}
	config, stop := startNode()
	defer stop()
	ctx := context.Background()
	conn, err := client.Register(ctx, "shop", client.Service{Request: client.Answer(codec, price)}, config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	receipt, err := client.Call[Order, Receipt](ctx, conn, codec, "shop", Order{Item: "coffee"})
	fmt.Println(receipt.Cents, err)
	// Output: 600 <nil>
}

// faults counts the requests that were answered with a fault.
type faults struct {
	mu sync.Mutex
	n  int
}

func (f *faults) Began(client.Kind) {}

func (f *faults) Ended(kind client.Kind, _ time.Duration, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if kind == client.KindRequest && err != nil {
		f.n++
	}
}

// A service that logs, measures and outlives its panics.
func ExampleWrap() {
	config, stop := startNode()
	defer stop()
	ctx := context.Background()
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: withoutTimes}))
	metrics := new(faults)
	service := client.Wrap(client.Service{
		Request: func(context.Context, []byte) ([]byte, error) { panic("out of tea") },
	}, client.Recover(
		func(kind client.Kind, value any, _ []byte) { fmt.Println(kind, "panicked:", value) },
	), client.Log(log, slog.LevelInfo), client.Measure(metrics))
	conn, err := client.Register(ctx, "shop", service, config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	_, err = conn.Request(ctx, "shop", nil)
	fmt.Println(err)
	fmt.Println("faults:", metrics.n)
	// Output:
	// level=INFO msg="service was called" kind=request err=panicked
	// request panicked: out of tea
	// request to "shop": fault: internal error of the service
	// faults: 1
}

func withoutTimes(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey || a.Key == "took" {
		return slog.Attr{}
	}
	return a
}

// An application that lives through restarts of its node.
func ExampleConfig_reconnect() {
	config, stop := startNode()
	ctx := context.Background()
	config.Reconnect = true
	lost := make(chan struct{})
	config.Lost = func(error) { close(lost) }
	conn, err := client.Connect(ctx, config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	stop()
	<-lost
	err = conn.Publish(ctx, "news", []byte("anybody?"))
	fmt.Println("not sent:", errors.Is(err, client.ErrNotSent), "the end:", conn.Err() != nil)
	// Output: not sent: true the end: false
}

// What nobody serves is said at once.
func ExampleConfig_failFast() {
	config, stop := startNode()
	defer stop()
	ctx := context.Background()
	config.FailFast = true
	conn, err := client.Connect(ctx, config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	_, err = conn.Request(ctx, "nobody", nil)
	fmt.Println(err)
	// Output: request to "nobody": nobody serves the cluster
}
