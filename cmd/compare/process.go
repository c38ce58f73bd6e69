package main

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"time"

	"github.com/project-iris/iris/cmd/internal/process"
)

// startTimeout and stopTimeout bound the start of a server, and its end.
const (
	startTimeout = 10 * time.Second
	stopTimeout  = 10 * time.Second
)

// start starts a server, of those that were built, whose log is on standard error.
func start(g *process.Group, dir, program, name string, args ...string) (*process.Process, error) {
	return g.Start(process.Spec{Name: name, Path: filepath.Join(dir, program), Args: args})
}

// await waits for a line of a server's log, and returns the groups of the expression.
func await(ctx context.Context, p *process.Process, expression string) ([]string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("%v are over", startTimeout))
	defer cancel()
	return p.Await(ctx, regexp.MustCompile(expression))
}
