// Package tool is what programs have in common that measure and test Iris, and are no part of it.
package tool

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// ErrUsage says that the command line is wrong.
var ErrUsage = errors.New("wrong usage, see -h")

// Main runs a program with the arguments of the command line, and ends the process: with 1 after
// an error, which it prints, else with 0, also for -h. SIGINT and SIGTERM end the context.
func Main(name string, run func(ctx context.Context, args []string) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
	os.Exit(0)
}
