package main

import (
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

const (
	// leastMemory is the least default of -memory, where the system has twice of it.
	leastMemory = 256 << 20
	// lowestMemory is the least that -memory may be.
	lowestMemory = 32 << 20
	// defaultMaxMessage is the default of -max-message, where the memory is four times that.
	defaultMaxMessage = 64 << 20
)

// byteSize is a flag: a number of bytes, or one of KiB, MiB or GiB; zero is a default.
type byteSize int64

func (s *byteSize) String() string {
	if s == nil || *s == 0 {
		return ""
	}
	n, units := int64(*s), []string{"", "KiB", "MiB", "GiB"}
	for len(units) > 1 && n%1024 == 0 {
		n, units = n/1024, units[1:]
	}
	return fmt.Sprint(n) + units[0]
}

func (s *byteSize) Set(text string) error {
	shift := 0
	for i, unit := range []string{"KiB", "MiB", "GiB"} {
		if rest, found := strings.CutSuffix(text, unit); found {
			text, shift = rest, 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64>>shift {
		return fmt.Errorf("not a size: give bytes, or a number with KiB, MiB or GiB")
	}
	*s = byteSize(n << shift)
	return nil
}

// limits returns how many bytes the node may take, and the longest message.
func (f *nodeFlags) limits() (memory int64, message int, err error) {
	memory, message = int64(f.memory), int(min(int64(f.message), math.MaxInt32))
	if memory == 0 {
		memory = defaultMemory(systemMemory())
	}
	if message == 0 {
		message = int(min(defaultMaxMessage, memory/4))
	}
	switch {
	case memory < lowestMemory:
		return 0, 0, usagef("-memory has to be 32MiB at least")
	case message > defaultMaxMessage:
		return 0, 0, usagef("-max-message can be 64MiB at most")
	case int64(message) > memory/4:
		return 0, 0, usagef("-max-message %s is more than a quarter of the memory of the node, which is %s: give more with -memory",
			sayBytes(int64(message)), sayBytes(memory))
	}
	return memory, message, nil
}

func sayBytes(n int64) string { s := byteSize(n); return s.String() }

// defaultMemory is a quarter of what the system has, and 256 MiB at least, but no more than three
// quarters of it; zero is not known.
func defaultMemory(system int64) int64 {
	if system <= 0 {
		return leastMemory
	}
	return min(max(system/4, leastMemory), system/4*3)
}

// limitRuntime has the Go runtime collect garbage before the process takes more, unless it was
// told another limit.
func limitRuntime(memory int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memory)
	}
}

// leastOf returns the least of the numbers that files begin with; others have none.
func leastOf(least int64, files ...string) int64 {
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
		if err == nil && n > 0 && (least == 0 || n < least) {
			least = n
		}
	}
	return least
}
