package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// program is what is built: a package, seen from a module.
type program struct {
	file, module, path string
}

// programs are the servers. Iris is built by its own module, with the versions that it
// has there.
var programs = []program{
	{"iris", "../..", "./cmd/iris"},
	{"nats-server", ".", "github.com/nats-io/nats-server/v2"},
}

// build builds the programs into a folder.
func build(ctx context.Context, dir string) error {
	for _, p := range programs {
		c := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, p.file), p.path)
		c.Dir = p.module
		c.Stdout, c.Stderr = os.Stderr, os.Stderr
		if err := c.Run(); err != nil {
			return fmt.Errorf("building %s: %w", p.file, err)
		}
	}
	return nil
}
