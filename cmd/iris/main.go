// Command iris runs a node of an Iris network, and lets a shell use the network as
// an application does.
//
// See iris -h, and iris COMMAND -h for each command.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"google.golang.org/grpc/grpclog"
)

func main() {
	if code, ended := asInit(); ended {
		os.Exit(code)
	}
	// What goes wrong with a plugin is an error of its calls, which the node logs. A plugin
	// must not have gRPC write to standard error besides.
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	p := &program{
		in:       os.Stdin,
		out:      os.Stdout,
		err:      os.Stderr,
		signals:  signals,
		alone:    true,
		watched:  isTerminal(os.Stdout),
		progress: isTerminal(os.Stderr) && !(isTerminal(os.Stdin) && isTerminal(os.Stdout)),
	}
	os.Exit(p.run(context.Background(), os.Args[1:]))
}
