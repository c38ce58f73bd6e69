// Command release builds all that is installed, from a clean checkout and without a daemon:
// binaries, packages, an image, the chart, and what they are made of. Its module is its own, so
// that the program has none of its dependencies.
//
//	go run . -o ../bin/release
package main

import (
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("release: ")
	if err := run(os.Args[1:]); err != nil {
		log.Fatal(err)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	root := flags.String("root", "..", "`directory` of the checkout")
	out := flags.String("o", "../bin/release", "`directory` that gets all that is built; it is emptied before")
	version := flags.String("version", "", "`version`, as 1.2.3 (default that of the tag, or 0.0.0-dev and the number of commits)")
	only := flags.String("platforms", "", "`list` of platforms, separated by commas (default all)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	targets, err := chosen(*only)
	if err != nil {
		return err
	}
	src, err := describe(*root, *version)
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(*out)
	if err != nil {
		return err
	}
	return release(src, dir, targets)
}

// A platform is what a binary is built for, in Go's words, and in those of packages and images.
type platform struct {
	os, arch string
	pack     string // architecture for nfpm; empty: no packages, no image
	variant  string // of an image
}

// platforms are all that are built.
var platforms = []platform{
	{"linux", "amd64", "amd64", ""},
	{"linux", "arm64", "arm64", ""},
	{"linux", "arm", "arm7", "v7"},
	{"linux", "riscv64", "riscv64", ""},
	{"darwin", "amd64", "", ""},
	{"darwin", "arm64", "", ""},
	{"windows", "amd64", "", ""},
}

func (p platform) String() string { return p.os + "/" + p.arch }

// file is the name of a program for the platform.
func (p platform) file(program string) string {
	name := program + "-" + p.os + "-" + p.arch
	if p.os == "windows" {
		name += ".exe"
	}
	return name
}

// chosen returns the platforms of a list, all if it is empty.
func chosen(list string) ([]platform, error) {
	if list == "" {
		return platforms, nil
	}
	var some []platform
	for name := range strings.SplitSeq(list, ",") {
		found := false
		for _, p := range platforms {
			if p.String() == name {
				some, found = append(some, p), true
			}
		}
		if !found {
			return nil, fmt.Errorf("no platform is named %q; there are %v", name, platforms)
		}
	}
	return some, nil
}

// A source is the checkout that is built.
type source struct {
	root     string
	version  string // semantic, without a v
	revision string
	time     time.Time // of the commit: that of all files that are made
}

// describe says what a checkout is.
func describe(root, version string) (source, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return source{}, err
	}
	src := source{root: root, version: strings.TrimPrefix(version, "v")}
	if src.revision, err = output(root, "git", "rev-parse", "HEAD"); err != nil {
		return source{}, err
	}
	stamp, err := output(root, "git", "show", "-s", "--format=%ct", "HEAD")
	if err != nil {
		return source{}, err
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return source{}, fmt.Errorf("git names %q as the time of the commit: %w", stamp, err)
	}
	src.time = time.Unix(seconds, 0).UTC()
	if src.version == "" {
		src.version, err = versionOf(root)
	}
	return src, err
}

// versionOf is the version that the tag of the commit names. Commits without one have versions
// that grow with each commit, and are lower than all releases.
func versionOf(root string) (string, error) {
	if tag, err := output(root, "git", "describe", "--exact-match", "--tags", "--match", "v[0-9]*"); err == nil {
		return strings.TrimPrefix(tag, "v"), nil
	}
	count, err := output(root, "git", "rev-list", "--count", "HEAD")
	return "0.0.0-dev." + count, err
}

// release builds all for the platforms into a directory.
func release(src source, dir string, targets []platform) error {
	if err := clear(dir); err != nil {
		return err
	}
	log.Printf("iris %s, commit %s, into %s", src.version, src.revision, dir)
	steps := []func(source, string, []platform) error{binaries, inventories, packages, image, chart}
	for _, step := range steps {
		if err := step(src, dir, targets); err != nil {
			return err
		}
	}
	return sums(dir)
}

// made is how files and directories of a release are named.
var made = regexp.MustCompile(`^(iris[-_].*|websocket-.*|image|SHA256SUMS)$`)

// clear empties a directory that an earlier release was built into.
func clear(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if !made.MatchString(e.Name()) {
			return fmt.Errorf("%s has %s, which is no part of a release: name another directory with -o", dir, e.Name())
		}
	}
	return errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755))
}

// sha256Of is the SHA-256 of a file, in hexadecimal.
func sha256Of(file string) (string, error) {
	content, err := os.ReadFile(file)
	return fmt.Sprintf("%x", sha256.Sum256(content)), err
}

// sums writes the SHA-256 of each file, for sha256sum -c.
func sums(dir string) error {
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		sum, err := sha256Of(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		fmt.Fprintf(&b, "%s  %s\n", sum, filepath.ToSlash(name))
		return err
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(b.String()), 0o644)
}

// output runs a command in a directory, and returns what it prints, without the last line's end.
func output(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var wrong strings.Builder
	cmd.Stderr = &wrong
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, wrong.String())
	}
	return strings.TrimSpace(string(out)), nil
}
