package process

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// readUsage looks at a process.
func readUsage(pid int) (usage, error) {
	u := usage{switches: make(map[int]int64)}
	var spent unix.Timespec
	if err := unix.ClockGettime(processorClock(pid), &spent); err != nil {
		return u, fmt.Errorf("reading the processor time of process %d: %w", pid, err)
	}
	u.at, u.processor = time.Now(), time.Duration(spent.Nano())
	dir := fmt.Sprintf("/proc/%d/task", pid)
	threads, err := os.ReadDir(dir)
	if err != nil {
		return u, err
	}
	for _, thread := range threads {
		status, err := os.ReadFile(filepath.Join(dir, thread.Name(), "status"))
		if err != nil {
			continue // it has ended
		}
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			return u, err
		}
		if u.switches[id], err = parseSwitches(string(status)); err != nil {
			return u, err
		}
	}
	return u, nil
}

// processorClock is the clock of what a process takes of the processors, to a nanosecond, as
// clock_getcpuclockid(3) makes it: the number of the process, inverted, above three bits, of
// which 2 is CPUCLOCK_SCHED (linux/posix-timers.h). /proc/PID/stat has it in steps of 10 ms.
func processorClock(pid int) int32 { return int32(^pid<<3 | 2) }

// readMemory looks at the memory of a process.
func readMemory(pid int) (Memory, error) {
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return Memory{}, err
	}
	return parseMemory(string(rollup))
}

// readTraffic looks at the host's network.
func readTraffic() (traffic, error) {
	snmp, err := os.ReadFile("/proc/net/snmp")
	if err != nil {
		return traffic{}, err
	}
	netstat, err := os.ReadFile("/proc/net/netstat")
	if err != nil {
		return traffic{}, err
	}
	return parseTraffic(string(snmp), string(netstat))
}
