package main

import (
	"os"
	"path"
	"strings"
	"syscall"
)

// systemMemory returns how much memory there is for this process: of the host, or of the control
// groups that it is in, of either version.
func systemMemory() int64 {
	var info syscall.Sysinfo_t
	var least int64
	if syscall.Sysinfo(&info) == nil {
		least = int64(uint64(info.Totalram) * uint64(info.Unit))
	}
	groups, _ := os.ReadFile("/proc/self/cgroup")
	return leastOf(least, groupFiles(string(groups))...)
}

// groupFiles returns where the limits of control groups are, by what /proc/self/cgroup says:
// those of each group and all above it.
func groupFiles(groups string) (files []string) {
	for line := range strings.Lines(groups) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		root, name := "", ""
		switch {
		case parts[0] == "0":
			root, name = "/sys/fs/cgroup", "memory.max"
		case parts[1] == "memory":
			root, name = "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		for dir := path.Clean("/" + parts[2]); ; dir = path.Dir(dir) {
			files = append(files, path.Join(root, dir, name))
			if dir == "/" {
				break
			}
		}
	}
	return files
}
