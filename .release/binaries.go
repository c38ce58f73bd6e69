package main

import (
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
)

// programs are what is built: the program, and for packages the plugin that comes with it.
var programs = []struct{ name, path string }{
	{"iris", "./cmd/iris"},
	{"websocket", "./plugins/websocket"},
}

// binaries builds the programs. The same commit and the same version of Go give the same bytes,
// wherever the checkout is.
func binaries(src source, dir string, targets []platform) error {
	for _, p := range targets {
		for _, program := range programs {
			if program.name != "iris" && p.pack == "" {
				continue
			}
			file := filepath.Join(dir, p.file(program.name))
			if err := build(src, p, program.path, file); err != nil {
				return err
			}
			log.Print(filepath.Base(file))
		}
	}
	return nil
}

// build builds one program. Names are looked up by Go's resolver, not by that of the C library;
// and gRPC's tracing, which nothing here uses, is 2.6 MB of memory. Without what debuggers read a binary is
// a third smaller; the lines of a panic are still named.
func build(src source, p platform, path, file string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=true", "-tags", "grpcnotrace",
		"-ldflags", "-s -w -X github.com/project-iris/iris/node.version="+src.version, "-o", file, path)
	cmd.Dir = src.root
	cmd.Env = append(os.Environ(),
		"GOOS="+p.os, "GOARCH="+p.arch, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=",
		"GOAMD64=v1", "GOARM64=v8.0", "GOARM=7", "GORISCV64=rva20u64")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s for %v: %w\n%s", path, p, err, out)
	}
	return nil
}
