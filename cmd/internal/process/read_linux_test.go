package process

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// burnt is how long the busy role computes, at least.
const burnt = 50 * time.Millisecond

// beBusy takes processor time, says so, and waits.
func beBusy() {
	for used := time.Duration(0); used < burnt; {
		var r syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
		used = time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	fmt.Fprintln(os.Stderr, "burnt")
	<-time.After(time.Hour)
}

func TestMeasureAProcess(t *testing.T) {
	p := startRole(t, newGroup(t), "busy")
	before, err := readUsage(p.PID())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Await(t.Context(), regexp.MustCompile("burnt")); err != nil {
		t.Fatal(err)
	}
	after, err := readUsage(p.PID())
	if err != nil {
		t.Fatal(err)
	}
	// The rest of what it has burnt is what it had used before the first look.
	if after.processor < burnt || after.processor <= before.processor || after.switchesSince(before) <= 0 {
		t.Errorf("after %v and %v processor time %v context switches", before.processor, after.processor, after.switchesSince(before))
	}
	rest, err := Measure(t.Context(), []*Process{p}, 10*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if rest.Seconds < 0.01 || rest.RSS.Median < 1e6 || rest.PSS.Median <= 0 || rest.PSS.Median > rest.RSS.Median {
		t.Errorf("at rest: %+v", rest)
	}
	p.Kill()
	if _, err := Measure(t.Context(), []*Process{p}, 0); err == nil {
		t.Error("a process that has ended can be measured")
	}
}

// A process ends with the one that has started it, even if that is killed.
func TestAProcessEndsWithItsParent(t *testing.T) {
	parent := startRole(t, newGroup(t), "parent")
	found, err := parent.Await(t.Context(), regexp.MustCompile(`child pid (\d+)`))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	child, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(child)
	parent.Kill()
	ended := []unix.PollFd{{Fd: int32(child), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(ended, int(time.Minute/time.Millisecond))
		if err == unix.EINTR {
			continue
		}
		if err != nil || n != 1 {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatalf("the child goes on without its parent: %v", err)
		}
		return
	}
}
