// Command iris runs a node of an Iris network, and lets a shell use the network as
// an application does.
//
// See iris -h, and iris COMMAND -h for each command.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	p := &program{
		in:       os.Stdin,
		out:      os.Stdout,
		err:      os.Stderr,
		signals:  signals,
		progress: isTerminal(os.Stderr) && !(isTerminal(os.Stdin) && isTerminal(os.Stdout)),
	}
	os.Exit(p.run(context.Background(), os.Args[1:]))
}
