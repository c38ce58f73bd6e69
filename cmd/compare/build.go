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

// programs are the servers, built as they are for the hosts that run them: without a C
// library, as NATS releases its own, and Iris as its Makefile does. Iris is built by its
// own module, with the versions that it has there.
var programs = []program{
	{"iris", "../..", "./cmd/iris", "grpcnotrace"},
	{"nats-server", ".", "github.com/nats-io/nats-server/v2", ""},
}

// build builds the programs into a folder.
func build(ctx context.Context, dir string) error {
	for _, p := range programs {
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
