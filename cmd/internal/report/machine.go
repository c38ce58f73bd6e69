package report

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// Machine describes the host, which is a Linux: what it does not tell is unknown.
func Machine() string {
	return fmt.Sprintf("%s, %d processors, %s of memory, Linux %s.",
		field("/proc/cpuinfo", "model name"), runtime.NumCPU(), memory(), kernel())
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
