// Command clock prints the name of a file for the flag -overlay of the go command, with which a
// program is built whose wall clock can be set while it runs.
//
//	go build -overlay "$(go run ./cmd/chaos/clock -o DIR -for PACKAGE-DIR)" PACKAGE
//
// Linux has no namespace for the wall clock, and to set that of the host would hurt whoever else uses it.
// So the program's own package time reads a clock of its own: [time.Now] adds what a file says to the wall
// clock, and leaves the monotonic one alone, as the kernel does when a clock is set. Nothing else of the
// program is another. The file is named by the environment variable IRIS_CLOCK; its first eight
// bytes are nanoseconds, in the order of the machine, and whoever writes them sets the clock. Without the
// variable the program has the clock of the system.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/build"
	"os"
	"path/filepath"
	"strings"

	"github.com/project-iris/iris/cmd/internal/tool"
)

//go:embed time.go.txt
var inTime string // a file for package time

//go:embed program.go.txt
var inProgram string // a file for package main

// What time.Now of Go 1.26 begins with, and what it is to begin with.
const (
	reads = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	asks  = "func Now() Time {\n\tsec, nsec, mono := ahead(runtimeNow())\n"
)

var errOtherTime = errors.New("time.Now of this Go is not that of Go 1.26, which is all that is known here")

func main() { tool.Main("clock", start) }

func start(_ context.Context, args []string) error {
	fs := flag.NewFlagSet("clock", flag.ContinueOnError)
	out := fs.String("o", "", "`directory` for what is written")
	program := fs.String("for", "", "`directory` of the package main")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 || *out == "" || *program == "" {
		return fmt.Errorf("%w: -o and -for name directories", tool.ErrUsage)
	}
	overlay, err := write(*out, *program, filepath.Join(build.Default.GOROOT, "src", "time"))
	if err == nil {
		fmt.Println(overlay)
	}
	return err
}

// write writes what is to be put over the sources of a program and of package time, and the list of it.
func write(out, program, timeSources string) (overlay string, err error) {
	if out, err = filepath.Abs(out); err != nil {
		return "", err
	}
	if program, err = filepath.Abs(program); err != nil {
		return "", err
	}
	now := filepath.Join(timeSources, "time.go")
	source, err := os.ReadFile(now)
	if err != nil {
		return "", fmt.Errorf("cannot read package time: %w", err)
	}
	if strings.Count(string(source), reads) != 1 {
		return "", fmt.Errorf("%w: %s", errOtherTime, now)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return "", err
	}
	list := struct{ Replace map[string]string }{make(map[string]string)}
	for _, f := range []struct{ over, name, text string }{
		{now, "now.txt", strings.Replace(string(source), reads, asks, 1)},
		{filepath.Join(timeSources, "ahead.go"), "ahead.txt", inTime},
		{filepath.Join(program, "clock_set.go"), "program.txt", inProgram},
	} {
		path := filepath.Join(out, f.name)
		if err := os.WriteFile(path, []byte(f.text), 0o644); err != nil {
			return "", err
		}
		list.Replace[f.over] = path
	}
	text, err := json.MarshalIndent(list, "", "\t")
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(out, "overlay.json")
	return overlay, os.WriteFile(overlay, text, 0o644)
}
