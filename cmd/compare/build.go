package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// program is what is built: a package, seen from a module, with build tags.
type program struct {
	file, module, path, tags string
}

// The servers, built as they are for the hosts that run them: without a C library, as NATS
// and Serf release their own, and Iris as its Makefile does. Iris is built by its own module,
// with the versions that it has there.
var (
	irisProgram = program{"iris", "../..", "./cmd/iris", "grpcnotrace"}
	natsProgram = program{"nats-server", ".", "github.com/nats-io/nats-server/v2", ""}
	serfProgram = program{"serf", ".", "github.com/hashicorp/serf/cmd/serf", ""}
)

// build builds programs into a folder.
func build(ctx context.Context, dir string, programs ...program) error {
	for _, p := range programs {
		fmt.Fprintln(os.Stderr, "building", p.file)
		c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", p.tags, "-o", filepath.Join(dir, p.file), p.path)
		c.Dir = p.module
		c.Env = append(os.Environ(), "CGO_ENABLED=0")
		c.Stdout, c.Stderr = os.Stderr, os.Stderr
		if err := c.Run(); err != nil {
			return fmt.Errorf("building %s: %w", p.file, err)
		}
	}
	return nil
}
