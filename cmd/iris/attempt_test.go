package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/project-iris/iris/relay/client"
	protocol "github.com/project-iris/iris/relay/wire"
)

// applicationVariable has the test's program be an application that makes one attempt.
const applicationVariable = "TEST_APPLICATION"

// attempt is what an application of a test does: binding or raw, address, register or request, and
// the name. It prints what came of it.
func attempt(args []string) {
	how := map[string]func(address, operation, name string) string{"binding": attemptByBinding, "raw": attemptRaw}[args[0]]
	fmt.Println(how(args[1], args[2], args[3]))
	os.Exit(0)
}

func attemptByBinding(address, operation, name string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	config := client.Config{Address: address}
	if operation == "register" {
		conn, err := client.Register(ctx, name, client.Service{}, config)
		if err == nil {
			err = conn.Close()
		}
		return fmt.Sprint(err)
	}
	conn, err := client.Connect(ctx, config)
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	reply, err := conn.Request(ctx, name, []byte("hello"))
	return fmt.Sprintf("%s %v", reply, err)
}

func attemptRaw(address, operation, name string) string {
	network := "tcp"
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		network, address = "unix", path
	}
	conn, err := net.Dial(network, address)
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	init := protocol.Init{Version: []byte(protocol.Version)}
	if operation == "register" {
		init.Cluster = []byte(name)
	}
	frames := init.Append(nil)
	if operation == "request" {
		frames = (&protocol.Request{ID: 1, Cluster: []byte(name), Body: []byte("hello"), Timeout: 10_000}).Append(frames)
	}
	if _, err := conn.Write(frames); err != nil {
		return err.Error()
	}
	reader := protocol.NewReader(conn, protocol.FromRelay, protocol.Limits{})
	for {
		switch m, err := reader.Read(); m := m.(type) {
		case nil:
			return err.Error()
		case *protocol.Deny:
			return string(m.Reason)
		case *protocol.Result:
			return fmt.Sprintf("%s <nil>", m.Body)
		default:
			if operation == "register" {
				return "<nil>"
			}
		}
	}
}
