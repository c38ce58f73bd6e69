package main

import (
	"debug/buildinfo"
	"path/filepath"
	"strings"

	"github.com/project-iris/iris/cmd/internal/report"
)

// machine describes the host and what is compared.
func machine(dir string) string { return report.Machine() + " " + versions(dir) }

// versions tells what was built.
func versions(dir string) string {
	var all []string
	for _, name := range []string{natsProgram.file, serfProgram.file} {
		if info, err := buildinfo.ReadFile(filepath.Join(dir, name)); err == nil {
			all = append(all, name+" "+info.Main.Version)
		}
	}
	return strings.Join(all, ", ") + "."
}
