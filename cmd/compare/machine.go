package main

import (
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// machine describes the host and what is compared.
func machine(dir string) string {
	return fmt.Sprintf("%s, %d processors, %s of memory, Linux %s. %s",
		field("/proc/cpuinfo", "model name"), runtime.NumCPU(), memory(), kernel(), versions(dir))
}

// field returns the first value that a file of /proc has for a key.
func field(file, key string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func memory() string {
	var kilobytes int
	if _, err := fmt.Sscanf(field("/proc/meminfo", "MemTotal"), "%d kB", &kilobytes); err != nil {
		return "an unknown size"
	}
	return fmt.Sprintf("%d GiB", (kilobytes+512<<10)>>20)
}

func kernel() string {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(release))
}

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
